/**
 * Bytes that may leave: they come with time and are bounded, so that a pause does not become a burst. Of one stream
 * alone, or shared by several, each of which takes its part of what is there.
 */

/** Milliseconds between two looks at a budget. As often as Envoy's. */
export const BUDGET_SLICE_MS = 50;
/** A timer may be late by two of its ticks: what it missed is made up for, and no more. */
const BUDGET_MS_MAX = 2 * BUDGET_SLICE_MS;

export class ByteBudget {
  readonly #bytesPerMs: number;
  readonly #max: number;
  /** Bytes that may leave at `#countedMs`. */
  #bytes: number;
  #countedMs: number;
  #streams = 0;

  /** `nowMs` is monotonic, here and below. */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#max = Math.max(1, BUDGET_MS_MAX * this.#bytesPerMs);
    this.#bytes = BUDGET_SLICE_MS * this.#bytesPerMs;
    this.#countedMs = nowMs;
  }

  /** One stream more shares it. `leave` follows, once. */
  enter(): void {
    this.#streams += 1;
  }

  leave(): void {
    this.#streams -= 1;
  }

  /** How many of the wanted bytes may leave now. */
  take(wanted: number, nowMs: number): number {
    this.#bytes = Math.min(this.#max, this.#bytes + (nowMs - this.#countedMs) * this.#bytesPerMs);
    this.#countedMs = nowMs;
    const there = Math.floor(this.#bytes);
    const part = Math.max(1, Math.floor(there / Math.max(1, this.#streams)));
    const taken = Math.min(wanted, part, there);
    this.#bytes -= taken;
    return taken;
  }

  /** What was taken and could not leave. */
  giveBack(bytes: number): void {
    this.#bytes += bytes;
  }
}
