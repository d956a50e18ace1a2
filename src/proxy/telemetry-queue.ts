/**
 * Messages of OTLP/gRPC on their way to one receiver over one of the proxy's clusters: one after the other, in their order, and
 * held while the receiver is away. Bounded by bytes and by time: the oldest go, and are counted. Nobody ever waits for it.
 */
import {
  TELEMETRY_HELD_BYTES_MAX,
  TELEMETRY_HELD_MS_MAX,
  TELEMETRY_PAUSE_MS,
  TELEMETRY_PAUSE_MS_MAX,
} from "../core/limits.ts";
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import type { Counter } from "../telemetry/counter.ts";
import { GRPC_STATUS } from "../telemetry/grpc-status.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import { GrpcCall, type GrpcCallHandler } from "./grpc-call.ts";

/** OTLP, "Failures" of gRPC: who answers so may take the message later. */
const RETRYABLE: ReadonlySet<number> = new Set([
  GRPC_STATUS.cancelled,
  GRPC_STATUS.deadlineExceeded,
  GRPC_STATUS.unavailable,
  GRPC_STATUS.resourceExhausted,
]);

/** Fine ticks for calls, coarse ones for pauses: an idle proxy does not tick for telemetry. */
export interface TelemetryTimers {
  readonly request: TimerWheel;
  readonly idle: TimerWheel;
}

export interface TelemetryQueueOptions {
  readonly target: {
    readonly cluster: string;
    readonly authority: string;
    readonly timeoutMs: number;
  };
  /** `/package.Service/Export`. */
  readonly method: string;
  /** As they are at each time. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: TelemetryTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  /** Of records. */
  readonly exported: Counter;
  readonly dropped: Counter;
  /** Nothing waits any more: what was gathered meanwhile may come. */
  readonly onEmpty: () => void;
}

interface HeldMessage {
  readonly bytes: Uint8Array;
  readonly count: number;
}

export class TelemetryQueue implements GrpcCallHandler {
  readonly #options: TelemetryQueueOptions;
  readonly #pause = new TimerEntry(() => this.#send());
  /** The first is under way, or waits to be sent again. */
  readonly #held: HeldMessage[] = [];
  #heldBytes = 0;
  #tries = 0;
  /** When the first was tried first. */
  #firstTryMs = 0;

  constructor(options: TelemetryQueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Takes an encoded message with `count` records. */
  add(bytes: Uint8Array, count: number): void {
    this.#held.push({ bytes, count });
    this.#heldBytes += bytes.length;
    if (this.#held.length === 1) {
      this.#send();
      return;
    }
    // What is under way may arrive yet: the oldest behind it goes.
    while (this.#heldBytes > TELEMETRY_HELD_BYTES_MAX && this.#held.length > 2) {
      const [oldest] = this.#held.splice(1, 1);
      this.#heldBytes -= oldest?.bytes.length ?? 0;
      this.#options.dropped.value += oldest?.count ?? 0;
    }
  }

  /** Also for `partial_success`: what is refused is not sent again. */
  onGrpcReply(): void {
    this.#finish(this.#options.exported);
  }

  onGrpcFailure(status: number): void {
    if (RETRYABLE.has(status)) this.#again();
    else this.#finish(this.#options.dropped);
  }

  #send(): void {
    const [first] = this.#held;
    if (first === undefined) return;
    const { target, method, clusters, timers, nowMs, faults } = this.#options;
    if (this.#tries === 0) this.#firstTryMs = nowMs();
    this.#tries += 1;
    const cluster = clusters.get(target.cluster);
    if (cluster === undefined) {
      this.#again();
      return;
    }
    const { authority, timeoutMs } = target;
    const shared = { cluster, method, authority, timeoutMs, nowMs, faults };
    const call = new GrpcCall({ ...shared, message: first.bytes, timers: timers.request }, this);
    if (call.start() !== undefined) this.#again();
  }

  #again(): void {
    const { timers, dropped, nowMs } = this.#options;
    if (nowMs() - this.#firstTryMs >= TELEMETRY_HELD_MS_MAX) {
      this.#finish(dropped);
      return;
    }
    const pauseMs = TELEMETRY_PAUSE_MS * 2 ** (this.#tries - 1);
    timers.idle.arm(this.#pause, Math.min(pauseMs, TELEMETRY_PAUSE_MS_MAX));
  }

  #finish(counter: Counter): void {
    const first = this.#held.shift();
    counter.value += first?.count ?? 0;
    this.#heldBytes -= first?.bytes.length ?? 0;
    this.#tries = 0;
    if (this.#held.length > 0) this.#send();
    else this.#options.onEmpty();
  }
}
