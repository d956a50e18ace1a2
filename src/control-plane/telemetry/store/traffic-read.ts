/** Answers questions about traffic: which series there are is asked once, then each figure is an addition. */
import { type Rollups, windowOf } from "./rollups.ts";
import type { SeriesTable } from "./series-table.ts";
import { type Dimension, isNarrow, RESOURCES, type TrafficKey } from "./traffic-key.ts";
import {
  BUCKET_COUNT,
  DURATION_SUM,
  FIRST_BUCKET,
  REQUESTS,
  type Slots,
  TCP_CLOSED,
  TCP_OPENED,
  TCP_RECEIVED,
  TCP_SENT,
} from "./traffic-slots.ts";

export interface TrafficQuery {
  readonly fromMs: number;
  readonly toMs: number;
  /** What each row is about. */
  readonly by: readonly Dimension[];
  /** Only series with these values. */
  readonly where: Partial<TrafficKey>;
  /** Also figures of each step. */
  readonly hasSteps: boolean;
  /** Only failed requests. */
  readonly isErrorsOnly?: boolean;
}

export interface TrafficTotals {
  readonly requests: number;
  readonly errors: number;
  readonly durationSumMs: number;
  /** One more than LATENCY_BOUNDS_MS. */
  readonly buckets: Float64Array;
  readonly tcpOpened: number;
  readonly tcpClosed: number;
  readonly tcpSent: number;
  readonly tcpReceived: number;
}

export interface TrafficRow {
  /** The values of `by`, in its order. */
  readonly key: readonly string[];
  readonly totals: TrafficTotals;
  /** When something was counted first and last: the beginning of a step. Milliseconds. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly steps: TrafficSteps | undefined;
}

/** One number for each step. */
export interface TrafficSteps {
  readonly requests: Float64Array;
  readonly errors: Float64Array;
  readonly durationSumMs: Float64Array;
  /** Of each step one after another. */
  readonly buckets: Float64Array;
}

export interface TrafficAnswer {
  /** The window with its ends at steps. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  readonly rows: readonly TrafficRow[];
}

const MICROSECONDS = 1000;

interface Group {
  readonly key: readonly string[];
  readonly sums: Float64Array;
  errors: number;
  readonly tcp: Float64Array;
  firstMs: number;
  lastMs: number;
  readonly steps: TrafficSteps | undefined;
}

export function readTraffic(
  query: TrafficQuery,
  figures: { readonly rollups: Rollups; readonly narrow: Rollups; readonly series: SeriesTable },
  nowMs: number,
): TrafficAnswer {
  const window = windowOf(query.fromMs, query.toMs, nowMs);
  const { fromMs, toMs, stepMs } = window;
  const stepCount = Math.round((toMs - fromMs) / stepMs);
  const { series } = figures;
  const { reporter } = query.where;
  const hasNarrow =
    reporter === RESOURCES ||
    (reporter !== "route" && isNarrow([...query.by, ...Object.keys(query.where)]));
  const rollups = hasNarrow ? figures.narrow : figures.rollups;
  const groups = groupsOf(query, series, stepCount);
  const { ofSeries, isError, isTcp } = groups;
  rollups.read({ ...window, hasSteps: query.hasSteps }, (startMs, id, slots) => {
    const group = ofSeries[id];
    if (group === undefined) return;
    if (startMs < group.firstMs) group.firstMs = startMs;
    if (startMs > group.lastMs) group.lastMs = startMs;
    if (isTcp[id] === 1) {
      addTcp(group.tcp, slots);
      return;
    }
    const { sums } = group;
    for (let slot = 0; slot < sums.length; slot++)
      sums[slot] = (sums[slot] ?? 0) + (slots[slot] ?? 0);
    const errors = isError[id] === 1 ? (slots[REQUESTS] ?? 0) : 0;
    group.errors += errors;
    const { steps } = group;
    if (steps !== undefined) addStep(steps, Math.floor((startMs - fromMs) / stepMs), slots, errors);
  });
  return { fromMs, toMs, stepMs, rows: groups.all.filter(isUsed).map(rowOf) };
}

/** Which group each series belongs to, by its id. */
function groupsOf(query: TrafficQuery, series: SeriesTable, stepCount: number) {
  const ofSeries: (Group | undefined)[] = new Array(series.idEnd);
  const isError = new Uint8Array(series.idEnd);
  const isTcp = new Uint8Array(series.idEnd);
  const byText = new Map<string, Group>();
  const conditions = Object.entries(query.where) as [Dimension, string][];
  for (const one of series.all()) {
    if (query.isErrorsOnly === true && !one.isError) continue;
    // No traffic, whatever is asked about that.
    if (one.key.reporter === RESOURCES && query.where.reporter !== RESOURCES) continue;
    if (!conditions.every(([dimension, value]) => one.key[dimension] === value)) continue;
    const key = query.by.map((dimension) => one.key[dimension]);
    const text = key.join("\u001f");
    let group = byText.get(text);
    if (group === undefined) {
      group = emptyGroup(key, query.hasSteps ? stepCount : undefined);
      byText.set(text, group);
    }
    ofSeries[one.id] = group;
    isError[one.id] = one.isError ? 1 : 0;
    isTcp[one.id] = one.isTcp ? 1 : 0;
  }
  return { ofSeries, isError, isTcp, all: [...byText.values()] };
}

function emptyGroup(key: readonly string[], stepCount: number | undefined): Group {
  return {
    key,
    sums: new Float64Array(FIRST_BUCKET + BUCKET_COUNT),
    errors: 0,
    tcp: new Float64Array(4),
    firstMs: Number.POSITIVE_INFINITY,
    lastMs: 0,
    steps:
      stepCount === undefined
        ? undefined
        : {
            requests: new Float64Array(stepCount),
            errors: new Float64Array(stepCount),
            durationSumMs: new Float64Array(stepCount),
            buckets: new Float64Array(stepCount * BUCKET_COUNT),
          },
  };
}

function addTcp(tcp: Float64Array, slots: Slots): void {
  for (let slot = 0; slot < tcp.length; slot++) tcp[slot] = (tcp[slot] ?? 0) + (slots[slot] ?? 0);
}

function addStep(steps: TrafficSteps, step: number, slots: Slots, errors: number): void {
  if (step < 0 || step >= steps.requests.length) return;
  add(steps.requests, step, slots[REQUESTS] ?? 0);
  add(steps.errors, step, errors);
  add(steps.durationSumMs, step, (slots[DURATION_SUM] ?? 0) / MICROSECONDS);
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const count = slots[FIRST_BUCKET + bucket] ?? 0;
    if (count !== 0) add(steps.buckets, step * BUCKET_COUNT + bucket, count);
  }
}

function add(into: Float64Array, index: number, value: number): void {
  into[index] = (into[index] ?? 0) + value;
}

function isUsed({ lastMs }: Group): boolean {
  return lastMs > 0;
}

function rowOf({ key, sums, errors, tcp, firstMs, lastMs, steps }: Group): TrafficRow {
  return {
    key,
    totals: {
      requests: sums[REQUESTS] ?? 0,
      errors,
      durationSumMs: (sums[DURATION_SUM] ?? 0) / MICROSECONDS,
      buckets: sums.slice(FIRST_BUCKET),
      tcpOpened: tcp[TCP_OPENED] ?? 0,
      tcpClosed: tcp[TCP_CLOSED] ?? 0,
      tcpSent: tcp[TCP_SENT] ?? 0,
      tcpReceived: tcp[TCP_RECEIVED] ?? 0,
    },
    firstMs,
    lastMs,
    steps,
  };
}
