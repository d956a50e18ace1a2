/** What is answered to one query: from the table, from another name server, or that it cannot be. */
import type { DnsConfig } from "../config/dns-filter-config.ts";
import { cutAnswer, emptyAnswer, writeAnswer } from "./answer.ts";
import type { AnswerSource, DnsMetrics } from "./dns-metrics.ts";
import type { Forwarder } from "./forwarder.ts";
import { type DnsQuery, readQuery } from "./query.ts";
import {
  CLASS_ANY,
  CLASS_IN,
  RCODE_NO_SUCH_NAME,
  RCODE_REFUSED,
  RCODE_SERVER_FAILURE,
} from "./wire.ts";

export type DnsTransport = "udp" | "tcp";

/** Gets the answer; not called when there is none to give. */
export type Reply = (answer: Uint8Array) => void;

/** A message over TCP, RFC 1035 section 4.2.2. */
const TCP_BYTES_MAX = 65_535;
/** Of our own answers over UDP: DNS flag day 2020. */
const OWN_UDP_BYTES_MAX = 1232;

export interface ResponderOptions {
  readonly forwarder: Forwarder;
  readonly metrics: DnsMetrics;
}

export class Responder {
  readonly #options: ResponderOptions;
  config: DnsConfig;

  constructor(config: DnsConfig, options: ResponderOptions) {
    this.config = config;
    this.#options = options;
  }

  /** False when nothing is ever answered to it. */
  respond(request: Uint8Array, transport: DnsTransport, reply: Reply): boolean {
    const read = readQuery(request);
    if (read.kind === "ignored") return false;
    const { query } = read;
    const refuse = (code: number, source: AnswerSource): boolean => {
      this.#options.metrics.onAnswer(source, code);
      reply(writeAnswer(request, query, emptyAnswer(code), sizeMax(query, transport)));
      return true;
    };
    if (read.kind === "faulty") return refuse(read.code, "refused");
    if (query.class !== CLASS_IN && query.class !== CLASS_ANY)
      return refuse(RCODE_REFUSED, "refused");
    const { table, forwarding } = this.config;
    const answer = table.lookUp(query.name, query.type);
    if (answer !== undefined) {
      this.#options.metrics.onAnswer("mesh", answer.code);
      reply(writeAnswer(request, query, answer, sizeMax(query, transport)));
      return true;
    }
    if (forwarding === undefined) return refuse(RCODE_NO_SUCH_NAME, "mesh");
    this.#options.forwarder.forward(forwarding, { bytes: request, query, transport }, (found) => {
      if (found === undefined) refuse(RCODE_SERVER_FAILURE, "forwarded");
      else this.#relay({ request, query, transport, found }, reply);
    });
    return true;
  }

  #relay(
    {
      request,
      query,
      transport,
      found,
    }: {
      readonly request: Uint8Array;
      readonly query: DnsQuery;
      readonly transport: DnsTransport;
      readonly found: Uint8Array;
    },
    reply: Reply,
  ): void {
    const code = found[3]! & 0xf;
    this.#options.metrics.onAnswer("forwarded", code);
    const fits = transport === "tcp" || found.length <= query.udpBytesMax;
    reply(fits ? found : cutAnswer(request, query, code));
  }
}

function sizeMax({ udpBytesMax }: DnsQuery, transport: DnsTransport): number {
  return transport === "tcp" ? TCP_BYTES_MAX : Math.min(udpBytesMax, OWN_UDP_BYTES_MAX);
}
