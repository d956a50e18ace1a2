/** A histogram with fixed upper bounds. Observing walks the bounds from below: most values are small. */
import { HistogramExemplars } from "./histogram-exemplars.ts";
import type { ExponentialCounts } from "./histogram-exponential.ts";

/** Envoy's bucket bounds, which Istio's boards expect: milliseconds for durations, bytes for sizes. */
export const DEFAULT_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

/** Of sizes: boards ask for quantiles, which need no more, and each bound is a series of everybody's Prometheus. */
export const BYTE_BOUNDS: readonly number[] = [
  256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216,
];

export class Histogram {
  readonly bounds: readonly number[];
  /** One more than `bounds`: the last is everything above. Not cumulative. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;
  /** As of a Counter. */
  isExpired = false;
  /** The same values for receivers that want them so. */
  exponential: ExponentialCounts | undefined;
  /** Made for the first request that was traced. */
  exemplars: HistogramExemplars | undefined;

  constructor(bounds: readonly number[] = DEFAULT_BOUNDS) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Returns the bucket that the value fell into. */
  observe(value: number): number {
    const bounds = this.bounds;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index += 1;
    this.addTo(index, value);
    return index;
  }

  /** A value whose bucket is known. */
  addTo(bucket: number, value: number): void {
    this.counts[bucket]! += 1;
    this.sum += value;
    this.count += 1;
    if (this.exponential !== undefined) this.exponential.add(value);
  }

  /** The value was that of a request in this trace: `ids` are the words of its context, `wallMs` is now. */
  addExemplar(bucket: number, value: number, ids: Int32Array, wallMs: number): void {
    this.exemplars ??= new HistogramExemplars(this.counts.length);
    this.exemplars.set(bucket, value, ids, wallMs);
  }
}
