/**
 * Endpoints that are names: resolved when their cluster comes, and again whenever an answer is old. An address stays in
 * use while a resolver fails or says that there is none: who could be reached a minute ago can be reached more likely
 * than nobody.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { DNS_ADDRESSES_MAX, DNS_TTL_FLOOR_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { DnsSettings } from "./config/dns-config.ts";
import type { EndpointInfo } from "./endpoint.ts";
import type { ResolveName } from "./resolve-name.ts";

export interface DnsDiscoveryOptions {
  readonly clusterName: string;
  readonly settings: DnsSettings;
  /** As configured: `host` may be a name or an address. */
  readonly endpoints: readonly EndpointInfo[];
  readonly resolve: ResolveName;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  /** Called with all endpoints whenever they change. */
  readonly onEndpoints: (endpoints: readonly EndpointInfo[]) => void;
}

/** Of the time to the next resolution this part is random, so that sidecars do not ask together. */
const JITTER = 0.1;

export class DnsDiscovery {
  readonly #options: DnsDiscoveryOptions;
  /** By name; empty until its first answer. */
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #timers = new Map<string, Timer>();
  readonly #isFailing = new Set<string>();
  #isStopped = false;

  constructor(options: DnsDiscoveryOptions) {
    this.#options = options;
  }

  start(): void {
    const names = new Set(
      this.#options.endpoints.filter((info) => isName(info)).map(({ host }) => host),
    );
    for (const name of names) void this.#refresh(name);
    if (names.size < this.#options.endpoints.length) this.#publish();
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  async #refresh(name: string): Promise<void> {
    const { settings, resolve } = this.#options;
    let waitMs = settings.refreshMs;
    try {
      const answer = await resolve(name, settings.family);
      if (this.#isStopped) return;
      if (settings.respectsTtl && answer.ttlMs !== undefined && answer.ttlMs > 0) {
        waitMs = Math.max(answer.ttlMs, DNS_TTL_FLOOR_MS);
      }
      this.#onAnswer(name, answer.addresses);
    } catch (error) {
      if (this.#isStopped) return;
      this.#onFailure(name, error);
    }
    const delayMs = Math.ceil(waitMs * (1 + JITTER * this.#options.prng.next()));
    this.#timers.set(
      name,
      this.#options.clock.schedule(delayMs, () => void this.#refresh(name)),
    );
  }

  #onAnswer(name: string, answered: readonly string[]): void {
    if (answered.length === 0) {
      this.#onFailure(name, new Error("the name has no address"));
      return;
    }
    const { clusterName, log, settings } = this.#options;
    if (this.#isFailing.delete(name)) log.info("a name is resolved again", { clusterName, name });
    const before = this.#addresses.get(name) ?? [];
    const after = this.#usable(before, answered);
    if (before.length === after.length && before.every((one, index) => one === after[index]))
      return;
    this.#addresses.set(name, after);
    log.debug("a name has new addresses", { clusterName, name, kind: settings.kind });
    this.#publish();
  }

  /** In an order of their own: name servers turn their answers round, which is no change. */
  #usable(before: readonly string[], answered: readonly string[]): readonly string[] {
    if (this.#options.settings.kind === "strict") {
      return [...new Set(answered)].sort().slice(0, DNS_ADDRESSES_MAX);
    }
    // The address in use stays while it is one of the answer: connections need not move.
    const [known] = before;
    const first = known !== undefined && answered.includes(known) ? known : answered[0];
    return first === undefined ? [] : [first];
  }

  #onFailure(name: string, error: unknown): void {
    if (this.#isFailing.has(name)) return;
    this.#isFailing.add(name);
    const { clusterName, log } = this.#options;
    const kept = this.#addresses.get(name)?.length ?? 0;
    log.warn("a name cannot be resolved; its addresses stay in use", {
      ...{ clusterName, name, kept },
      error: messageOf(error),
    });
  }

  #publish(): void {
    const seen = new Set<string>();
    const endpoints = this.#options.endpoints.flatMap((info) => {
      if (!isName(info)) return [info];
      const { host: name, hostname } = info;
      return (this.#addresses.get(name) ?? []).map((host) => ({
        ...info,
        host,
        hostname: hostname || name,
      }));
    });
    // Two names of one cluster may have an address in common: it counts once.
    this.#options.onEndpoints(
      endpoints.filter(({ host, port }) => {
        const key = `${host}:${port}`;
        return !seen.has(key) && seen.add(key) !== undefined;
      }),
    );
  }
}

/** An address holds a colon, or is four numbers; nothing else is one. */
function isName({ host }: EndpointInfo): boolean {
  return !host.includes(":") && !/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(host);
}
