/**
 * Finds out that the peer of an HTTP/2 connection is gone without a word (a lost host, a dropped NAT entry):
 * a PING when nothing has come for some time (RFC 9113 section 6.7), and the end when nothing follows. Any
 * byte of the peer's is a sign of life, so that a busy connection sends none, and does no work for this.
 */
import { Buffer } from "node:buffer";
import type { Prng } from "../core/prng.ts";
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { KeepaliveConfig } from "./config/keepalive-config.ts";

/** The answer is as good as anything else that comes, so that all may be alike. */
const PAYLOAD = Buffer.from("alive?\0\0", "latin1");

export interface KeepaliveConnection extends FaultOwner {
  readonly http2: {
    /** Monotonic: when bytes came last, or the connection was made. */
    readonly lastReceivedMs: number;
    ping(payload: Buffer): void;
  };
  onPeerLost(reason: string): void;
}

export interface KeepaliveServices {
  readonly timers: { readonly idle: TimerWheel };
  readonly prng: Prng;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** The clock of what it was started for. Undefined where no keepalive is asked for. */
export function startKeepalive(
  config: KeepaliveConfig | undefined,
  connection: KeepaliveConnection,
  services: KeepaliveServices,
): Http2Keepalive | undefined {
  return config && new Http2Keepalive(config, connection, services);
}

export class Http2Keepalive {
  readonly #config: KeepaliveConfig;
  readonly #connection: KeepaliveConnection;
  readonly #services: KeepaliveServices;
  readonly #timer: TimerEntry;
  /** Of the PING that waits for a sign of life, infinite for none. */
  #pingedAtMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(
    config: KeepaliveConfig,
    connection: KeepaliveConnection,
    services: KeepaliveServices,
  ) {
    this.#config = config;
    this.#connection = connection;
    this.#services = services;
    this.#timer = new TimerEntry(guarded(connection, () => this.#onTimeout()));
    this.#armInterval(0);
  }

  /** A request is about to go out on it. */
  onRequest(): void {
    const { idleIntervalMs } = this.#config;
    if (idleIntervalMs === 0 || this.#isAwaiting) return;
    const nowMs = this.#services.nowMs();
    if (nowMs - this.#connection.http2.lastReceivedMs >= idleIntervalMs) this.#ping(nowMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#services.timers.idle.disarm(this.#timer);
  }

  get #isAwaiting(): boolean {
    return this.#pingedAtMs !== Number.POSITIVE_INFINITY;
  }

  #onTimeout(): void {
    const nowMs = this.#services.nowMs();
    if (this.#isAwaiting) {
      // What came while this process was held up has not been read yet: it comes before the verdict.
      setImmediate(this.#judge);
      return;
    }
    const quietMs = nowMs - this.#connection.http2.lastReceivedMs;
    if (quietMs >= this.#config.intervalMs) this.#ping(nowMs);
    else this.#armInterval(quietMs);
  }

  readonly #judge = (): void => {
    if (this.#isStopped) return;
    const { timeoutMs } = this.#config;
    const { lastReceivedMs } = this.#connection.http2;
    if (lastReceivedMs >= this.#pingedAtMs) {
      this.#pingedAtMs = Number.POSITIVE_INFINITY;
      this.#armInterval(this.#services.nowMs() - lastReceivedMs);
      return;
    }
    this.stop();
    try {
      this.#connection.onPeerLost(`the peer answered no PING within ${timeoutMs} ms`);
    } catch (error) {
      this.#connection.onFault(error);
    }
  };

  #ping(nowMs: number): void {
    this.#pingedAtMs = nowMs;
    this.#connection.http2.ping(PAYLOAD);
    this.#services.timers.idle.arm(this.#timer, this.#config.timeoutMs);
  }

  /** Nothing has come for `quietMs` already. */
  #armInterval(quietMs: number): void {
    const { intervalMs, intervalJitter } = this.#config;
    if (intervalMs === 0) return;
    const { timers, prng } = this.#services;
    const laterMs = intervalMs * intervalJitter * prng.next();
    timers.idle.arm(this.#timer, Math.max(0, intervalMs + laterMs - quietMs));
  }
}
