/** Wakes the reconciler when a FaultPolicy's time is over, so that a fault ends without anybody's doing. */
import type { Clock, Timer } from "../core/clock.ts";
import { type FaultPolicy, faultEndMs } from "../resource/kinds/fault-policy.ts";

/** Timers of the runtime hold no more; what ends later is looked at again by then. */
const WATCH_MS_MAX = 24 * 3_600_000;

export class FaultEnds {
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #timer: Timer | undefined;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** In place of what was watched before. */
  watch(policies: readonly FaultPolicy[]): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const ends = policies
      .map((policy) => faultEndMs(policy) ?? Number.POSITIVE_INFINITY)
      .filter((endMs) => endMs > nowMs);
    const nextMs = Math.min(...ends);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(nextMs - nowMs, WATCH_MS_MAX);
    this.#timer = this.#clock.schedule(delayMs, this.#onEnd);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
