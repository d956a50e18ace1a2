/**
 * One metric family and its series. A family has at most METRIC_SERIES_MAX series: later label sets share one overflow
 * series, so that no peer can grow our memory (T30). Families that expire give up series that have not changed for long.
 */
import { METRIC_SERIES_MAX } from "../core/limits.ts";
import { Counter, Gauge } from "./counter.ts";
import { Histogram } from "./histogram.ts";

export type Labels = Readonly<Record<string, string>>;

export type Metric = Counter | Gauge | Histogram;

/** A gauge of things that there are adds up; one that all workers have alike does not. */
export type MergeRule = "sum" | "max";

export interface MetricSeries<T extends Metric = Metric> {
  readonly labels: Labels;
  readonly metric: T;
}

export interface MetricFamily<T extends Metric = Metric> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** How the values of several workers become one. */
  readonly merge: MergeRule;
  readonly series: ReadonlyMap<string, MetricSeries<T>>;
}

export interface FamilyDescription {
  readonly name: string;
  readonly help: string;
  readonly type: MetricFamily["type"];
  readonly merge?: MergeRule;
  /** Whoever holds a series of it asks for a new one once that is expired. */
  readonly expires?: boolean;
}

interface Entry<T extends Metric> extends MetricSeries<T> {
  /** When it was looked at last: how much it had counted, and since when. */
  seenAmount: number;
  seenMs: number;
}

export interface FamilyHooks {
  /** A label set found no room. */
  readonly onOverflow: () => void;
  /** Monotonic time of the last look for idle series. */
  readonly nowMs: () => number;
}

const OVERFLOW = "overflow";

export class Family<T extends Metric> implements MetricFamily<T> {
  readonly series = new Map<string, Entry<T>>();
  readonly name: string;
  readonly help: string;
  readonly type: MetricFamily["type"];
  readonly merge: MergeRule;
  readonly #expires: boolean;
  readonly #create: () => T;
  readonly #hooks: FamilyHooks;

  constructor(description: FamilyDescription, create: () => T, hooks: FamilyHooks) {
    const { name, help, type, merge = "sum", expires = false } = description;
    this.name = name;
    this.help = help;
    this.type = type;
    this.merge = merge;
    this.#expires = expires;
    this.#create = create;
    this.#hooks = hooks;
  }

  with(labels: Labels): T {
    // Sorted: the same labels in another order are the same series.
    const key = JSON.stringify(Object.entries(labels).sort());
    const known = this.series.get(key);
    if (known !== undefined) return known.metric;
    if (this.series.size >= METRIC_SERIES_MAX) return this.#overflow(labels);
    return this.#add(key, labels);
  }

  /** Gives up what has not changed for `idleMs`, but for gauges that say something. */
  expire(nowMs: number, idleMs: number): void {
    if (!this.#expires) return;
    for (const [key, entry] of this.series) {
      const { metric } = entry;
      const amount = metric instanceof Histogram ? metric.count : metric.value;
      if (amount !== entry.seenAmount || isHeld(metric)) {
        entry.seenAmount = amount;
        entry.seenMs = nowMs;
      } else if (nowMs - entry.seenMs >= idleMs) {
        metric.isExpired = true;
        this.series.delete(key);
      }
    }
  }

  expireAll(): void {
    if (!this.#expires) return;
    for (const [key, { metric }] of this.series) {
      if (isHeld(metric)) continue;
      metric.isExpired = true;
      this.series.delete(key);
    }
  }

  #overflow(labels: Labels): T {
    this.#hooks.onOverflow();
    const known = this.series.get(OVERFLOW);
    if (known !== undefined) return known.metric;
    return this.#add(
      OVERFLOW,
      Object.fromEntries(Object.keys(labels).map((name) => [name, OVERFLOW])),
    );
  }

  #add(key: string, labels: Labels): T {
    const metric = this.#create();
    this.series.set(key, { labels, metric, seenAmount: Number.NaN, seenMs: this.#hooks.nowMs() });
    return metric;
  }
}

/** A gauge that says something, or a counter of connections that are open. */
function isHeld(metric: Metric): boolean {
  if (metric instanceof Gauge) return metric.value !== 0;
  return metric instanceof Counter && metric.holderCount > 0;
}
