/** Requests to one version of a service, summed over its callers: how many, how many failed, how long they took. */

/** Counts since some moment. */
export interface VersionTraffic {
  readonly requests: number;
  readonly failures: number;
  /** Requests that took at most so many milliseconds, by that bound: cumulative, as Prometheus has it. */
  readonly durations: ReadonlyMap<number, number>;
}

export const NO_TRAFFIC: VersionTraffic = { requests: 0, failures: 0, durations: new Map() };

export function addTraffic(a: VersionTraffic, b: VersionTraffic): VersionTraffic {
  if (a.requests === 0 && a.durations.size === 0) return b;
  const durations = new Map(a.durations);
  for (const [bound, count] of b.durations)
    durations.set(bound, (durations.get(bound) ?? 0) + count);
  return {
    requests: a.requests + b.requests,
    failures: a.failures + b.failures,
    durations,
  };
}

/**
 * The percentile by interpolation within its bucket, as `histogram_quantile` does it; the highest finite bound
 * when it lies beyond; NaN without requests.
 */
export function percentileMs({ durations }: VersionTraffic, percentile: number): number {
  const buckets = [...durations].sort(([a], [b]) => a - b);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  const rank = (percentile / 100) * total;
  let lowerBound = 0;
  let below = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Number.POSITIVE_INFINITY) return lowerBound;
      const inBucket = count - below;
      return inBucket === 0
        ? bound
        : lowerBound + ((bound - lowerBound) * (rank - below)) / inBucket;
    }
    lowerBound = bound;
    below = count;
  }
  return lowerBound;
}
