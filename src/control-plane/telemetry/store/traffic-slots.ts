/**
 * What is counted of a series in one step, as a row of whole numbers. Requests: how many, their latencies' sum in
 * microseconds, and a count for each bucket; TCP: connections opened and closed, bytes sent and received.
 */

/** Upper bounds in milliseconds: Envoy's, which Istio has. The last bucket has none. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];
export const BUCKET_COUNT = LATENCY_BOUNDS_MS.length + 1;

export const REQUESTS = 0;
export const DURATION_SUM = 1;
export const FIRST_BUCKET = 2;
export const SLOT_COUNT = FIRST_BUCKET + BUCKET_COUNT;

export const TCP_OPENED = 0;
export const TCP_CLOSED = 1;
export const TCP_SENT = 2;
export const TCP_RECEIVED = 3;

export type Slots = Float64Array;

export function emptySlots(): Slots {
  return new Float64Array(SLOT_COUNT);
}

/** The bucket of a latency in milliseconds. */
export function bucketOf(latencyMs: number): number {
  const index = LATENCY_BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
  return index < 0 ? BUCKET_COUNT - 1 : index;
}
