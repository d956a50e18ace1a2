/** What spans wait with: the proxy's timers, as exporters need them. */
import type { TimerWheel } from "../../core/timer-wheel.ts";

export interface SpanTimers {
  /** Fine ticks. */
  readonly request: TimerWheel;
  /** Coarse ticks: an idle proxy does not tick for spans. */
  readonly idle: TimerWheel;
}
