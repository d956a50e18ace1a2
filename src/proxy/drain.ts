/**
 * How a proxy lets go of its callers without failing one: it announces the drain, keeps serving for as
 * long as callers may not have heard of it, then stops accepting and finishes what is in flight.
 */
import type { Clock } from "../core/clock.ts";
import { DRAIN_LAG_MS } from "../core/limits.ts";

export type DrainDirection = "inbound" | "all";

export interface DrainRequest {
  readonly direction: DrainDirection;
  /** Callers get time to hear of it; otherwise listeners close at once. */
  readonly isGraceful: boolean;
  /** Milliseconds for everything, after which what is still in flight is left to `stop`. */
  readonly graceMs: number;
}

/** What is drained. */
export interface DrainedProxy {
  announceDrain(direction: DrainDirection): void;
  drain(direction: DrainDirection, graceMs: number): Promise<void>;
}

export interface DrainOptions {
  readonly clock: Clock;
  readonly proxy: DrainedProxy;
  /** Tells the control plane. Called once. */
  readonly onAnnounce: () => void;
}

export class Drain {
  readonly #options: DrainOptions;
  #announcedMs: number | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Resolves when the listeners are closed and their connections have ended, or the time is over. */
  async run({ direction, isGraceful, graceMs }: DrainRequest): Promise<void> {
    const { clock, proxy, onAnnounce } = this.#options;
    const startMs = clock.monotonicMs();
    if (this.#announcedMs === undefined) {
      this.#announcedMs = startMs;
      onAnnounce();
    }
    proxy.announceDrain(direction);
    // What was announced before is not waited for again.
    const lagMs = isGraceful ? this.#announcedMs + DRAIN_LAG_MS - startMs : 0;
    if (lagMs > 0) {
      await new Promise<void>((resolve) => {
        clock.schedule(Math.min(lagMs, graceMs), resolve);
      });
    }
    const waitedMs = clock.monotonicMs() - startMs;
    await proxy.drain(direction, Math.max(0, graceMs - waitedMs));
  }
}
