/** How late this process comes to what is due: a timer says when it was to be, and when it was. */
import type { Clock, Timer } from "../core/clock.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** Twice a second costs nothing, and a stall is seen wherever it lies. */
const INTERVAL_MS = 500;
/** What is told is the worst of this time, as several readers may ask. */
const SPAN_SAMPLES = 30;

export class EventLoopLag {
  readonly #clock: Clock;
  /** The last samples, in milliseconds; the oldest is written over. */
  readonly #samples = new Float64Array(SPAN_SAMPLES);
  #next = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, registry: MetricRegistry) {
    this.#clock = clock;
    const lag = registry
      .gauge(
        "tulle_event_loop_lag_seconds",
        "How late this process was at worst in the last 15 s, of all workers the latest.",
        "max",
      )
      .with({});
    registry.onCollect(() => lag.set(Math.max(...this.#samples) / 1000));
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    const dueMs = this.#clock.monotonicMs() + INTERVAL_MS;
    this.#timer = this.#clock.schedule(INTERVAL_MS, () => {
      this.#samples[this.#next] = Math.max(0, this.#clock.monotonicMs() - dueMs);
      this.#next = (this.#next + 1) % SPAN_SAMPLES;
      this.#schedule();
    });
  }
}
