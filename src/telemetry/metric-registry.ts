/**
 * Metric families and their series. Series are made on cold paths and held by whoever counts; the
 * registry only lists them. A family has at most METRIC_SERIES_MAX series: later label sets share one
 * overflow series, so that no peer can grow our memory (T30).
 */
import { assert } from "../core/assert.ts";
import { METRIC_SERIES_MAX } from "../core/limits.ts";
import { Counter, Gauge } from "./counter.ts";
import { Histogram } from "./histogram.ts";

export type Labels = Readonly<Record<string, string>>;

export interface MetricFamily<T extends Counter | Gauge | Histogram = Counter | Gauge | Histogram> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** How the values of several workers become one. */
  readonly merge: MergeRule;
  readonly series: ReadonlyMap<string, { readonly labels: Labels; readonly metric: T }>;
}

/** A gauge of things that there are adds up; one that all workers have alike does not. */
export type MergeRule = "sum" | "max";

interface FamilyDescription {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly merge?: MergeRule;
}

class Family<T extends Counter | Gauge | Histogram> implements MetricFamily<T> {
  readonly series = new Map<string, { readonly labels: Labels; readonly metric: T }>();
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly merge: MergeRule;
  readonly #create: () => T;

  constructor({ name, help, type, merge = "sum" }: FamilyDescription, create: () => T) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.merge = merge;
    this.#create = create;
  }

  with(labels: Labels): T {
    // Sorted: the same labels in another order are the same series.
    const key = JSON.stringify(Object.entries(labels).sort());
    const known = this.series.get(key);
    if (known !== undefined) return known.metric;
    if (this.series.size >= METRIC_SERIES_MAX) return this.#overflow(labels);
    const metric = this.#create();
    this.series.set(key, { labels, metric });
    return metric;
  }

  #overflow(labels: Labels): T {
    const known = this.series.get("overflow");
    if (known !== undefined) return known.metric;
    const metric = this.#create();
    const overflowLabels = Object.fromEntries(
      Object.keys(labels).map((name) => [name, "overflow"]),
    );
    this.series.set("overflow", { labels: overflowLabels, metric });
    return metric;
  }
}

export interface SeriesSource<T> {
  /** The series of these labels, made when it is new. */
  with(labels: Labels): T;
}

export class MetricRegistry {
  readonly #families = new Map<string, MetricFamily>();
  readonly #collectors: (() => void)[] = [];

  counter(name: string, help: string): SeriesSource<Counter> {
    return this.#add(new Family({ name, help, type: "counter" }, () => new Counter()));
  }

  gauge(name: string, help: string, merge: MergeRule = "sum"): SeriesSource<Gauge> {
    return this.#add(new Family({ name, help, type: "gauge", merge }, () => new Gauge()));
  }

  histogram(name: string, help: string, bounds?: readonly number[]): SeriesSource<Histogram> {
    return this.#add(new Family({ name, help, type: "histogram" }, () => new Histogram(bounds)));
  }

  /** Runs `collect` before each reading, for values that are looked up rather than counted. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  /** The families in order of name, after bringing looked-up values up to date. */
  families(): readonly MetricFamily[] {
    for (const collect of this.#collectors) collect();
    return [...this.#families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #add<T extends Counter | Gauge | Histogram>(family: Family<T>): Family<T> {
    assert(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(family.name), `${family.name} is a metric name`);
    assert(!this.#families.has(family.name), `metric ${family.name} is declared once`);
    this.#families.set(family.name, family);
    return family;
  }
}
