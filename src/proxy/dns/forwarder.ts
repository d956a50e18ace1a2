/** Sends on what the mesh knows nothing of: to one name server after the other, a bounded number at a time. */
import { randomInt } from "node:crypto";
import { Resolver } from "node:dns";
import type { Clock } from "../../core/clock.ts";
import type { IpAddress } from "../config/address.ts";
import type { DnsForwarding } from "../config/dns-filter-config.ts";
import type { DnsQuery } from "./query.ts";
import { queryUpstream, type UpstreamFailure } from "./upstream-query.ts";
import { RCODE_REFUSED, RCODE_SERVER_FAILURE } from "./wire.ts";

export type ForwardFailure = UpstreamFailure | "overload" | "no-server";

export interface ForwarderOptions {
  readonly clock: Clock;
  /** The responder itself, which the system may have as its own name server: it is not asked. */
  readonly own: IpAddress;
  readonly systemServers?: () => readonly IpAddress[];
  /** Of each try that failed, and of queries that are not even tried. */
  readonly onFailure: (failure: ForwardFailure) => void;
}

/** Gets the answer's bytes with the client's id, or undefined when there is none. */
export type OnForwarded = (answer: Uint8Array | undefined) => void;

/** The system's servers may change: they are read again after so long. */
const SYSTEM_SERVERS_AGE_MS = 30_000;
/** resolv.conf(5): MAXNS. */
const SERVERS_MAX = 3;
const DNS_PORT = 53;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #pending = new Set<Exchange>();
  #system: readonly IpAddress[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  forward(
    config: DnsForwarding,
    asked: {
      readonly bytes: Uint8Array;
      readonly query: DnsQuery;
      readonly transport: "udp" | "tcp";
    },
    onDone: OnForwarded,
  ): void {
    const servers = config.servers.length > 0 ? config.servers : this.#systemServers();
    const failure = this.#pending.size >= config.pendingMax ? "overload" : "no-server";
    if (failure === "overload" || servers.length === 0) {
      this.#options.onFailure(failure);
      onDone(undefined);
      return;
    }
    const exchange: Exchange = {
      triesLeft: Math.max(servers.length, config.retries + 1),
      cancel: () => {},
    };
    this.#pending.add(exchange);
    const bytes = Uint8Array.from(asked.bytes);
    const finish: OnForwarded = (answer) => {
      this.#pending.delete(exchange);
      if (answer !== undefined) writeId(answer, asked.query.id);
      onDone(answer);
    };
    this.#try({ config, servers, ...asked, bytes }, exchange, finish);
  }

  /** Gives up what waits, in silence. */
  stop(): void {
    for (const { cancel } of this.#pending) cancel();
    this.#pending.clear();
  }

  #try(asked: Asked, exchange: Exchange, finish: OnForwarded): void {
    const { config, servers, bytes, query, transport } = asked;
    const server =
      servers[
        (Math.max(servers.length, config.retries + 1) - exchange.triesLeft) % servers.length
      ]!;
    exchange.triesLeft--;
    // What the client chose may be guessed: RFC 5452 section 9.2.
    const id = randomInt(0x1_0000);
    writeId(bytes, id);
    const { clock, onFailure } = this.#options;
    const { timeoutMs } = config;
    exchange.cancel = queryUpstream(
      { server, transport, bytes, id, questionEnd: query.questionEnd, timeoutMs, clock },
      (result) => {
        const isFailure = typeof result === "string";
        if (isFailure) onFailure(result);
        // A server that cannot tell is no reason not to ask the next one.
        const isUseful = !isFailure && !isRefusal(result);
        if (isUseful || exchange.triesLeft === 0) finish(isFailure ? undefined : result);
        else this.#try(asked, exchange, finish);
      },
    );
  }

  #systemServers(): readonly IpAddress[] {
    const { clock, own, systemServers = readSystemServers } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#readAtMs >= SYSTEM_SERVERS_AGE_MS) {
      this.#readAtMs = nowMs;
      this.#system = systemServers()
        .filter(({ host, port }) => host !== own.host || port !== own.port)
        .slice(0, SERVERS_MAX);
    }
    return this.#system;
  }
}

interface Exchange {
  triesLeft: number;
  cancel: () => void;
}

interface Asked {
  readonly config: DnsForwarding;
  readonly servers: readonly IpAddress[];
  /** Its own copy, whose id is another for each try. */
  readonly bytes: Uint8Array;
  readonly query: DnsQuery;
  readonly transport: "udp" | "tcp";
}

function isRefusal(answer: Uint8Array): boolean {
  const code = answer[3]! & 0xf;
  return code === RCODE_SERVER_FAILURE || code === RCODE_REFUSED;
}

function writeId(bytes: Uint8Array, id: number): void {
  bytes[0] = id >> 8;
  bytes[1] = id & 0xff;
}

/** Those of resolv.conf. A resolver reads it when it is made. */
function readSystemServers(): readonly IpAddress[] {
  return new Resolver().getServers().flatMap((text) => {
    const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>\d+\.\d+\.\d+\.\d+))(?::(?<port>\d+))?$/.exec(text);
    const host = match?.groups?.["v6"] ?? match?.groups?.["v4"] ?? text;
    return [{ host, port: Number(match?.groups?.["port"] ?? DNS_PORT) }];
  });
}
