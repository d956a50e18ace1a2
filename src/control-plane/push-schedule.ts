/**
 * Decides when changes are translated and pushed. A burst of configuration becomes one push; endpoints
 * wait less; traffic that must leave an instance does not wait at all. Time is passed in.
 */
import type { Clock, Timer } from "../core/clock.ts";

/** `removal`: an endpoint left. `endpoints`: one came or changed. `config`: any object of the store. */
export type PushTrigger = "removal" | "endpoints" | "config";

/** After the last trigger of a burst, milliseconds. */
const QUIET_MS = { removal: 0, endpoints: 30, config: 100 } as const satisfies Record<
  PushTrigger,
  number
>;
/** After the first trigger of a burst, milliseconds: a steady trickle must not hold pushes up. */
const DELAY_MS_MAX = { removal: 0, endpoints: 100, config: 1000 } as const satisfies Record<
  PushTrigger,
  number
>;

export interface PushScheduleOptions {
  readonly clock: Clock;
  /** Runs one push of everything; never at the same time as another. Must not reject. */
  readonly push: (triggers: ReadonlySet<PushTrigger>) => Promise<void>;
}

interface Burst {
  readonly firstMs: number;
  readonly lastMs: number;
}

export class PushSchedule {
  readonly #clock: Clock;
  readonly #push: (triggers: ReadonlySet<PushTrigger>) => Promise<void>;
  readonly #bursts = new Map<PushTrigger, Burst>();
  #timer: Timer | undefined;
  #isPushing = false;
  #isStopped = false;

  constructor(options: PushScheduleOptions) {
    this.#clock = options.clock;
    this.#push = options.push;
  }

  trigger(kind: PushTrigger): void {
    const nowMs = this.#clock.monotonicMs();
    const firstMs = this.#bursts.get(kind)?.firstMs ?? nowMs;
    this.#bursts.set(kind, { firstMs, lastMs: nowMs });
    this.#arm();
  }

  /** Ends for good: what is pending is dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#isStopped || this.#isPushing || this.#bursts.size === 0) return;
    const dueMs = Math.min(
      ...[...this.#bursts].map(([kind, { firstMs, lastMs }]) =>
        Math.min(lastMs + QUIET_MS[kind], firstMs + DELAY_MS_MAX[kind]),
      ),
    );
    const delayMs = Math.max(0, dueMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    const triggers = new Set(this.#bursts.keys());
    this.#bursts.clear();
    this.#isPushing = true;
    try {
      await this.#push(triggers);
    } finally {
      this.#isPushing = false;
      this.#arm();
    }
  }
}
