/**
 * The one time limit that a downstream connection has at any moment: to be used again, to bring the
 * rest of a head or of a body, to take what was written, or to close after us.
 */
import { TimerEntry, type TimerWheel } from "../core/timer-wheel.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";

/** After our FIN the client has this long to read the response and close. */
const LINGER_TIMEOUT_MS = 2_000;
/** A client that takes no byte of the last response for this long does not want it any more. */
const STALL_TIMEOUT_MS = 30_000;
/** A client that has just connected is about to send a request: a drain waits for it this long. */
export const FIRST_REQUEST_GRACE_MS = 1_000;

export interface ConnectionLimits {
  /** 0: an idle connection stays. */
  readonly idleTimeoutMs: number;
  readonly requestHeadTimeoutMs: number;
  readonly timers: { readonly idle: TimerWheel };
}

export interface ConnectionDeadlineHandler extends FaultOwner {
  readonly isIdle: boolean;
  /** Grows when a request begins and when one is over. */
  readonly activity: number;
  readonly unsentBytes: number;
  onHeadTimeout(): void;
  /** Orderly, behind what was written. */
  close(): void;
  /** At once. */
  destroy(): void;
}

type Kind = "idle" | "head" | "rest" | "closing" | "linger";

export class ConnectionDeadline {
  readonly #limits: ConnectionLimits;
  readonly #handler: ConnectionDeadlineHandler;
  readonly #timer: TimerEntry;
  #kind: Kind = "idle";
  #activityWhenArmed = 0;
  #unsentWhenArmed = 0;

  constructor(limits: ConnectionLimits, handler: ConnectionDeadlineHandler) {
    this.#limits = limits;
    this.#handler = handler;
    this.#timer = new TimerEntry(guarded(handler, () => this.#onTimeout()));
  }

  /** A busy connection does not touch its timer: whether it was used is looked up when it fires. */
  armIdle(): void {
    this.#activityWhenArmed = this.#handler.activity;
    const { idleTimeoutMs } = this.#limits;
    if (idleTimeoutMs > 0) {
      this.#arm("idle", idleTimeoutMs);
      return;
    }
    this.#kind = "idle";
    this.disarm();
  }

  /** Counts from the first byte of a head, not from the last. */
  armHead(): void {
    if (this.#kind !== "head") this.#arm("head", this.#limits.requestHeadTimeoutMs);
  }

  /** For the rest of a request that is answered already. */
  armRest(): void {
    if (this.#kind !== "rest") this.#arm("rest", this.#limits.requestHeadTimeoutMs);
  }

  /** A request has come, or is over: what was waited for is there. */
  onRequest(): void {
    if (this.#kind === "head" || this.#kind === "rest") this.armIdle();
  }

  /** An idle connection is not wanted any more. */
  onDrain(): void {
    if (this.#handler.activity > 0) this.#handler.close();
    else this.#arm("rest", FIRST_REQUEST_GRACE_MS);
  }

  /** The client was told to open no more streams: it has this long to hear of it. */
  armDrain(): void {
    this.#arm("rest", FIRST_REQUEST_GRACE_MS);
  }

  /** Our last bytes are on their way. */
  armClosing(): void {
    this.#unsentWhenArmed = this.#handler.unsentBytes;
    this.#arm("closing", STALL_TIMEOUT_MS);
  }

  /** Our last bytes have left this process. */
  armLinger(): void {
    this.#arm("linger", LINGER_TIMEOUT_MS);
  }

  onPeerEndWhileClosing(): void {
    if (this.#kind === "linger") this.#handler.destroy();
  }

  disarm(): void {
    this.#limits.timers.idle.disarm(this.#timer);
  }

  #arm(kind: Kind, ms: number): void {
    this.#kind = kind;
    this.#limits.timers.idle.arm(this.#timer, ms);
  }

  #onTimeout(): void {
    const handler = this.#handler;
    switch (this.#kind) {
      case "idle":
        if (handler.isIdle && handler.activity === this.#activityWhenArmed) handler.close();
        else this.armIdle();
        break;
      case "head":
        handler.onHeadTimeout();
        break;
      case "rest":
        handler.close();
        break;
      case "closing":
        if (handler.unsentBytes === this.#unsentWhenArmed) handler.destroy();
        else this.armClosing();
        break;
      case "linger":
        handler.destroy();
        break;
    }
  }
}
