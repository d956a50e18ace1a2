/**
 * Asks a service of the control plane's again and again: a question is held there until there is something to say. One
 * that is not answered, or not understood, is asked again after a while.
 */
import { LONG_POLL_HOLD_MS, LONG_POLL_RETRY_MS } from "../core/limits.ts";
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { GRPC_STATUS } from "../telemetry/grpc-status.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import { GrpcCall, type GrpcCallHandler } from "./grpc-call.ts";

/** The answer may take its time on top of what it is held for. */
const PATIENCE_MS = 10_000;
/** Of a receiver that does not know the question. */
const UNKNOWN_RETRIES = 60;

/** Fine ticks for calls, coarse ones for pauses: an idle proxy does not tick for it. */
export interface LongPollTimers {
  readonly request: TimerWheel;
  readonly idle: TimerWheel;
}

export interface LongPollOptions {
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly target: { readonly cluster: string; readonly authority: string };
  /** As they are at each time. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: LongPollTimers;
  readonly nowMs: () => number;
  readonly faults: CallbackFaults;
  /** The message of the next question. */
  readonly question: () => Uint8Array;
  /** Throws when it cannot be read. Valid during the call. */
  readonly read: (answer: Buffer) => void;
}

export class LongPoll implements GrpcCallHandler {
  readonly #options: LongPollOptions;
  readonly #pause = new TimerEntry(() => this.#ask());
  #call: GrpcCall | undefined;
  #isStopped = false;

  constructor(options: LongPollOptions) {
    this.#options = options;
  }

  start(): void {
    this.#askLater(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.timers.idle.disarm(this.#pause);
    this.#call?.cancel();
  }

  onGrpcReply(message: Buffer): void {
    this.#call = undefined;
    try {
      this.#options.read(message);
    } catch {
      this.#askLater(1);
      return;
    }
    if (!this.#isStopped) this.#ask();
  }

  onGrpcFailure(status: number): void {
    this.#call = undefined;
    this.#askLater(status === GRPC_STATUS.unimplemented ? UNKNOWN_RETRIES : 1);
  }

  #ask(): void {
    const { method, target, clusters, timers, nowMs, faults, question } = this.#options;
    const cluster = clusters.get(target.cluster);
    if (cluster === undefined) {
      this.#askLater(1);
      return;
    }
    const call = new GrpcCall(
      {
        ...{ cluster, method, authority: target.authority, nowMs, faults },
        message: question(),
        timers: timers.request,
        timeoutMs: LONG_POLL_HOLD_MS + PATIENCE_MS,
      },
      this,
    );
    if (call.start() === undefined) this.#call = call;
    else this.#askLater(1);
  }

  #askLater(times: number): void {
    if (this.#isStopped) return;
    this.#options.timers.idle.arm(this.#pause, LONG_POLL_RETRY_MS * times);
  }
}
