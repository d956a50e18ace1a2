/**
 * Decides when changes are translated and pushed. A burst of configuration becomes one push; endpoints
 * wait less; traffic that must leave an instance does not wait at all. Time is passed in.
 */
import type { Clock, Timer } from "../core/clock.ts";

/**
 * `removal`: traffic must leave an endpoint. `access`: who may do what. `endpoints`: one came or changed. `config`: an
 * object of the store means something else. `revision`: only the revision moved on, and waiters want to hear of it.
 */
export type PushTrigger = "removal" | "access" | "endpoints" | "config" | "revision";

/** After the last trigger of a burst, milliseconds. */
const QUIET_MS = {
  removal: 0,
  access: 20,
  endpoints: 30,
  config: 100,
  revision: 100,
} as const satisfies Record<PushTrigger, number>;
/** After the first trigger of a burst, milliseconds: a steady trickle must not hold pushes up. */
const DELAY_MS_MAX = {
  removal: 0,
  access: 100,
  endpoints: 100,
  config: 1000,
  revision: 1000,
} as const satisfies Record<PushTrigger, number>;

export interface PushScheduleOptions {
  readonly clock: Clock;
  /** Pushes everything that is pending. Must not throw. */
  readonly push: (triggers: ReadonlySet<PushTrigger>) => void;
}

interface Burst {
  readonly firstMs: number;
  readonly lastMs: number;
}

export class PushSchedule {
  readonly #clock: Clock;
  readonly #push: (triggers: ReadonlySet<PushTrigger>) => void;
  readonly #bursts = new Map<PushTrigger, Burst>();
  #timer: Timer | undefined;
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
    if (this.#isStopped || this.#bursts.size === 0) return;
    const dueMs = Math.min(
      ...[...this.#bursts].map(([kind, { firstMs, lastMs }]) =>
        Math.min(lastMs + QUIET_MS[kind], firstMs + DELAY_MS_MAX[kind]),
      ),
    );
    const delayMs = Math.max(0, dueMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => this.#run());
  }

  #run(): void {
    const triggers = new Set(this.#bursts.keys());
    this.#bursts.clear();
    this.#push(triggers);
    this.#arm();
  }
}
