/** From sums to what people read: rates, shares, percentiles. Pure. */

import type { TrafficSteps, TrafficTotals } from "../telemetry/store/traffic-read.ts";
import { BUCKET_COUNT, LATENCY_BOUNDS_MS } from "../telemetry/store/traffic-slots.ts";
import type { LatencyFigures, Spark, TrafficFigures } from "../telemetry-types.ts";

export const NO_TRAFFIC: TrafficTotals = {
  ...{ requests: 0, errors: 0, durationSumMs: 0, buckets: new Float64Array(BUCKET_COUNT) },
  ...{ tcpOpened: 0, tcpClosed: 0, tcpSent: 0, tcpReceived: 0 },
};

export function addTotals(a: TrafficTotals, b: TrafficTotals): TrafficTotals {
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    durationSumMs: a.durationSumMs + b.durationSumMs,
    buckets: a.buckets.map((count, index) => count + (b.buckets[index] ?? 0)),
    tcpOpened: a.tcpOpened + b.tcpOpened,
    tcpClosed: a.tcpClosed + b.tcpClosed,
    tcpSent: a.tcpSent + b.tcpSent,
    tcpReceived: a.tcpReceived + b.tcpReceived,
  };
}

export function sumTotals(all: Iterable<TrafficTotals>): TrafficTotals {
  let sum = NO_TRAFFIC;
  for (const one of all) sum = addTotals(sum, one);
  return sum;
}

export function addSteps(
  a: TrafficSteps | undefined,
  b: TrafficSteps | undefined,
): TrafficSteps | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const sum = (x: Float64Array, y: Float64Array): Float64Array =>
    x.map((value, index) => value + (y[index] ?? 0));
  return {
    requests: sum(a.requests, b.requests),
    errors: sum(a.errors, b.errors),
    durationSumMs: sum(a.durationSumMs, b.durationSumMs),
    buckets: sum(a.buckets, b.buckets),
  };
}

/** `seconds`: of the window, as far as it is over. */
export function trafficFigures(totals: TrafficTotals, seconds: number): TrafficFigures {
  return {
    requests: totals.requests,
    requestsPerSecond: totals.requests / seconds,
    errors: totals.errors,
    errorRate: shareOf(totals.errors, totals.requests),
    latency: latencyFigures(totals.buckets, totals.durationSumMs),
    tcp: {
      opened: totals.tcpOpened,
      closed: totals.tcpClosed,
      sentBytesPerSecond: totals.tcpSent / seconds,
      receivedBytesPerSecond: totals.tcpReceived / seconds,
    },
  };
}

export function latencyFigures(buckets: Float64Array, sumMs: number): LatencyFigures {
  const count = buckets.reduce((sum, one) => sum + one, 0);
  return {
    mean: count === 0 ? null : sumMs / count,
    p50: quantile(buckets, 0.5),
    p90: quantile(buckets, 0.9),
    p95: quantile(buckets, 0.95),
    p99: quantile(buckets, 0.99),
  };
}

/** Null without anything to share in. */
export function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** Prometheus' histogram_quantile: linear within the bucket; of the last one its lower bound. Milliseconds. */
export function quantile(buckets: Float64Array, share: number): number | null {
  return quantileAt(buckets, 0, share);
}

function quantileAt(buckets: Float64Array, offset: number, share: number): number | null {
  let count = 0;
  for (let index = 0; index < BUCKET_COUNT; index++) count += buckets[offset + index] ?? 0;
  if (count === 0) return null;
  const rank = share * count;
  let before = 0;
  for (let index = 0; index < LATENCY_BOUNDS_MS.length; index++) {
    const inBucket = buckets[offset + index] ?? 0;
    if (before + inBucket >= rank && inBucket > 0) {
      const lower = index === 0 ? 0 : (LATENCY_BOUNDS_MS[index - 1] ?? 0);
      const upper = LATENCY_BOUNDS_MS[index] ?? 0;
      return lower + (upper - lower) * ((rank - before) / inBucket);
    }
    before += inBucket;
  }
  return LATENCY_BOUNDS_MS.at(-1) ?? null;
}

/** Which steps of a window are known: from when figures began, and up to what is complete. */
export interface StepWindow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  /** When the first figure of all was counted. */
  readonly knownFromMs: number;
  readonly nowMs: number;
}

/** Proxies tell every five seconds: what is younger may lack some. */
const COMPLETE_AFTER_MS = 6_000;

export function isKnownStep(window: StepWindow, index: number): boolean {
  const startMs = window.fromMs + index * window.stepMs;
  const endMs = startMs + window.stepMs;
  return endMs > window.knownFromMs && endMs <= window.nowMs - COMPLETE_AFTER_MS;
}

/** A number for each step; null for steps of which nothing is known. */
export function perStep(
  window: StepWindow,
  value: (index: number) => number | null,
): readonly (number | null)[] {
  const count = Math.round((window.toMs - window.fromMs) / window.stepMs);
  return Array.from({ length: count }, (_, index) =>
    isKnownStep(window, index) ? value(index) : null,
  );
}

export function sparkOf(steps: TrafficSteps | undefined, window: StepWindow): Spark {
  const seconds = window.stepMs / 1000;
  const at = (values: Float64Array | undefined, index: number): number => values?.[index] ?? 0;
  const percentile = (share: number) => (index: number) =>
    steps === undefined ? null : quantileAt(steps.buckets, index * BUCKET_COUNT, share);
  return {
    requestsPerSecond: perStep(window, (index) => at(steps?.requests, index) / seconds),
    errorRate: perStep(window, (index) =>
      shareOf(at(steps?.errors, index), at(steps?.requests, index)),
    ),
    mean: perStep(window, (index) =>
      shareOf(at(steps?.durationSumMs, index), at(steps?.requests, index)),
    ),
    p50: perStep(window, percentile(0.5)),
    p90: perStep(window, percentile(0.9)),
    p99: perStep(window, percentile(0.99)),
  };
}

/** Seconds of the window of which something is known: a mesh that is a minute old has a rate, not a fifteenth of it. */
export function secondsOf({ fromMs, toMs, nowMs, knownFromMs }: StepWindow): number {
  return Math.max(1, (Math.min(toMs, nowMs) - Math.max(fromMs, knownFromMs)) / 1000);
}
