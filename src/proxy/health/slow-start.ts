/**
 * Envoy's slow start: an endpoint that is new, or well again, begins with a small part of its weight, which grows
 * with the time.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import type { SlowStartSettings } from "../config/slow-start-config.ts";
import type { Endpoint } from "../endpoint.ts";

/** Weights are brought up to date so often within a window: no step is above a fiftieth of the weight. */
const STEPS = 50;
/** No finer than this, and no coarser: balancers prepare themselves anew each time. */
const STEP_MS_MIN = 50;
const STEP_MS_MAX = 1_000;

export interface SlowStartOptions {
  readonly settings: SlowStartSettings;
  readonly clock: Clock;
  /** Weights have changed. */
  readonly onChange: () => void;
}

export class SlowStart {
  readonly #options: SlowStartOptions;
  readonly #starting = new Set<Endpoint>();
  #timer: Timer | undefined;

  constructor(options: SlowStartOptions) {
    this.#options = options;
  }

  /** The endpoint is new or well again since `healthySinceMs`. Whoever calls refreshes the cluster. */
  begin(endpoint: Endpoint): void {
    this.#starting.add(endpoint);
    this.#update(endpoint, this.#options.clock.monotonicMs());
    this.#schedule();
  }

  remove(endpoint: Endpoint): void {
    this.#starting.delete(endpoint);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const endpoint of this.#starting) endpoint.weightFactor = 1;
    this.#starting.clear();
  }

  #update(endpoint: Endpoint, nowMs: number): void {
    const { settings } = this.#options;
    const elapsedMs = nowMs - endpoint.healthySinceMs;
    if (elapsedMs >= settings.windowMs) {
      endpoint.weightFactor = 1;
      this.#starting.delete(endpoint);
      return;
    }
    endpoint.weightFactor = slowStartFactor(settings, elapsedMs);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#starting.size === 0) return;
    const stepMs = this.#options.settings.windowMs / STEPS;
    const ms = Math.min(STEP_MS_MAX, Math.max(STEP_MS_MIN, stepMs));
    this.#timer = this.#options.clock.schedule(ms, this.#onStep);
  }

  readonly #onStep = (): void => {
    this.#timer = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    for (const endpoint of this.#starting) this.#update(endpoint, nowMs);
    this.#schedule();
    this.#options.onChange();
  };
}

/** The part of its weight that an endpoint has so long after it became healthy, within the window. */
export function slowStartFactor(settings: SlowStartSettings, elapsedMs: number): number {
  const { windowMs, aggression, factorMin } = settings;
  const time = Math.max(1, elapsedMs) / windowMs;
  return Math.min(1, Math.max(factorMin, aggression === 1 ? time : time ** (1 / aggression)));
}
