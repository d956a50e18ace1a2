/** Whether and when something that ended is started again. Pure, so that time can be made up in tests. */
import { Backoff } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import type { ExitStatus } from "./process-group.ts";

export type RestartPolicy = "always" | "on-failure" | "never";

export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number }
  | { readonly kind: "give-up" };

/** The first delays are short: most crashes during development are fixed by then. */
const BASE_MS = 500;
const DELAY_MS_MAX = 30_000;
/** A delay is at least this: full jitter alone may draw zero, and a crashing app would spin. */
const DELAY_MS_MIN = 100;
/** What ran for this long has worked: the next crash is a new one. */
const STABLE_MS = 10_000;

export class RestartSchedule {
  readonly #policy: RestartPolicy;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #startedMs: number;

  constructor(options: {
    readonly policy: RestartPolicy;
    readonly clock: Clock;
    readonly prng: Prng;
  }) {
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#backoff = new Backoff({ baseMs: BASE_MS, maxMs: DELAY_MS_MAX, prng: options.prng });
    this.#startedMs = options.clock.monotonicMs();
  }

  /** Call at each start. */
  started(): void {
    this.#startedMs = this.#clock.monotonicMs();
  }

  /** What to do now that it has ended. */
  ended(status: ExitStatus): RestartDecision {
    const isFailure = status.kind !== "exited" || status.code !== 0;
    // A program that is not there now will not be there in a second.
    if (status.kind === "not-started") return { kind: "give-up" };
    if (this.#policy === "never" || (this.#policy === "on-failure" && !isFailure)) {
      return { kind: "give-up" };
    }
    if (this.#clock.monotonicMs() - this.#startedMs >= STABLE_MS) this.#backoff.reset();
    return { kind: "restart", delayMs: Math.max(DELAY_MS_MIN, this.#backoff.nextMs()) };
  }
}
