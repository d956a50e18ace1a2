/**
 * Metrics of several workers as one: snapshots travel between processes as plain data, and add up
 * exactly. What a worker counted stays in the sums after it is gone, so that no counter ever falls.
 */
import { Histogram } from "./histogram.ts";
import type { ExemplarSnapshot } from "./histogram-exemplars.ts";
import { type ExponentialSnapshot, mergeExponential } from "./histogram-exponential.ts";
import type { Labels, MergeRule, MetricFamily } from "./metric-family.ts";

export interface SeriesSnapshot {
  readonly key: string;
  readonly labels: Labels;
  readonly value: number | HistogramSnapshot;
}

export interface HistogramSnapshot {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
  /** The same values by OpenTelemetry's exponential histogram, where somebody wants that. */
  readonly exponential?: ExponentialSnapshot;
  /** At most one a bucket, none without traces. */
  readonly exemplars?: readonly ExemplarSnapshot[];
}

export interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: MetricFamily["type"];
  readonly merge: MergeRule;
  readonly series: readonly SeriesSnapshot[];
}

export function snapshotOf(families: readonly MetricFamily[]): readonly FamilySnapshot[] {
  return families.map(({ name, help, type, merge, series }) => ({
    name,
    help,
    type,
    merge,
    series: [...series].map(([key, { labels, metric }]) => ({
      key,
      labels,
      value: metric instanceof Histogram ? histogramSnapshot(metric) : metric.value,
    })),
  }));
}

/** The families of all in order of name. Those of one name are taken to be of one type. */
export function mergeSnapshots(
  snapshots: readonly (readonly FamilySnapshot[])[],
): readonly FamilySnapshot[] {
  const byName = new Map<string, FamilySnapshot>();
  for (const family of snapshots.flat()) {
    const known = byName.get(family.name);
    byName.set(family.name, known === undefined ? family : mergeFamilies(known, family));
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is left of a worker that is gone: what it counted. Its gauges went with it. */
export function countsOf(snapshot: readonly FamilySnapshot[]): readonly FamilySnapshot[] {
  return snapshot.filter(({ type }) => type !== "gauge");
}

function mergeFamilies(a: FamilySnapshot, b: FamilySnapshot): FamilySnapshot {
  const series = new Map(a.series.map((one) => [one.key, one]));
  for (const one of b.series) {
    const known = series.get(one.key);
    const value = known === undefined ? one.value : mergeValues(a.merge, known.value, one.value);
    series.set(one.key, { ...one, value });
  }
  return { ...a, series: [...series.values()] };
}

function mergeValues(
  rule: MergeRule,
  a: SeriesSnapshot["value"],
  b: SeriesSnapshot["value"],
): SeriesSnapshot["value"] {
  if (typeof a === "number" || typeof b === "number") {
    // A number and a histogram under one name cannot be: one program wrote both.
    if (typeof a !== "number" || typeof b !== "number") return a;
    return rule === "sum" ? a + b : Math.max(a, b);
  }
  return {
    bounds: a.bounds,
    counts: a.counts.map((count, index) => count + (b.counts[index] ?? 0)),
    sum: a.sum + b.sum,
    count: a.count + b.count,
    ...(a.exponential === undefined || b.exponential === undefined
      ? {}
      : { exponential: mergeExponential(a.exponential, b.exponential) }),
    ...(a.exemplars === undefined && b.exemplars === undefined
      ? {}
      : { exemplars: mergeExemplars(a, b) }),
  };
}

/** Of each bucket the newest one. */
function mergeExemplars(
  { bounds, exemplars: a = [] }: HistogramSnapshot,
  { exemplars: b = [] }: HistogramSnapshot,
): readonly ExemplarSnapshot[] {
  const byBucket = new Map<number, ExemplarSnapshot>();
  for (const exemplar of [...a, ...b].sort((x, y) => x.timeMs - y.timeMs)) {
    byBucket.set(bucketOf(bounds, exemplar.value), exemplar);
  }
  return [...byBucket].sort(([x], [y]) => x - y).map(([, exemplar]) => exemplar);
}

/** Where a value falls; the number of bounds for one above all. */
export function bucketOf(bounds: readonly number[], value: number): number {
  const found = bounds.findIndex((bound) => value <= bound);
  return found < 0 ? bounds.length : found;
}

function histogramSnapshot(histogram: Histogram): HistogramSnapshot {
  const { bounds, counts, sum, count } = histogram;
  const exemplars = histogram.exemplars?.snapshot();
  const exponential = histogram.exponential?.snapshot();
  return {
    ...{ bounds, counts: Array.from(counts), sum, count },
    ...(exponential === undefined ? {} : { exponential }),
    ...(exemplars === undefined ? {} : { exemplars }),
  };
}
