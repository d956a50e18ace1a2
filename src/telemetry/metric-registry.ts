/**
 * The metric families of a process. Series are made on cold paths and held by whoever counts; the registry only lists
 * them, and gives up those of some families when they are idle.
 */
import { assert } from "../core/assert.ts";
import { METRIC_EXPIRY_INTERVAL_MS, METRIC_IDLE_MS } from "../core/limits.ts";
import { Counter, Gauge } from "./counter.ts";
import { Histogram } from "./histogram.ts";
import { ExponentialCounts } from "./histogram-exponential.ts";
import {
  Family,
  type FamilyDescription,
  type FamilyHooks,
  type Labels,
  type MergeRule,
  type Metric,
  type MetricFamily,
} from "./metric-family.ts";

export interface SeriesSource<T> {
  /** The series of these labels, made when it is new. */
  with(labels: Labels): T;
}

/** With what it has at the moment. */
export interface MetricSource<T extends Metric>
  extends SeriesSource<T>,
    Pick<MetricFamily<T>, "series"> {}

/** Of a family whose idle series are given up: their holders look at `isExpired`. */
export const EXPIRES = { expires: true } as const;

type Expiry = Pick<FamilyDescription, "expires">;

export class MetricRegistry {
  readonly #families = new Map<string, Family<Counter> | Family<Gauge> | Family<Histogram>>();
  readonly #collectors: (() => void)[] = [];
  #expiredMs = 0;
  #isExponential = false;

  counter(name: string, help: string, expiry: Expiry = {}): MetricSource<Counter> {
    const description = { name, help, type: "counter", ...expiry } as const;
    return this.#add(new Family(description, () => new Counter(), this.#hooksOf(name)));
  }

  /** One that expires gives up series that are 0 for long. */
  gauge(
    name: string,
    help: string,
    merge: MergeRule = "sum",
    expiry: Expiry = {},
  ): SeriesSource<Gauge> {
    const description = { name, help, type: "gauge", merge, ...expiry } as const;
    return this.#add(new Family(description, () => new Gauge(), this.#hooksOf(name)));
  }

  histogram(
    name: string,
    help: string,
    bounds?: readonly number[],
    expiry: Expiry = {},
  ): MetricSource<Histogram> {
    const description = { name, help, type: "histogram", ...expiry } as const;
    return this.#add(new Family(description, () => this.#histogram(bounds), this.#hooksOf(name)));
  }

  /** Histograms that are made from now on count by OpenTelemetry's exponential ones as well. */
  useExponential(): void {
    this.#isExponential = true;
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

  /** Gives up series that were idle for METRIC_IDLE_MS. Looks once a minute, however often it is called. `nowMs` is monotonic. */
  expire(nowMs: number): void {
    if (nowMs - this.#expiredMs < METRIC_EXPIRY_INTERVAL_MS) return;
    this.#expiredMs = nowMs;
    for (const family of this.#families.values()) family.expire(nowMs, METRIC_IDLE_MS);
  }

  /** Gives up all series of families that expire: their labels are to be others. */
  expireAll(): void {
    for (const family of this.#families.values()) family.expireAll();
  }

  #histogram(bounds: readonly number[] | undefined): Histogram {
    const histogram = new Histogram(bounds);
    if (this.#isExponential) histogram.exponential = new ExponentialCounts();
    return histogram;
  }

  #hooksOf(family: string): FamilyHooks {
    return { onOverflow: () => this.#onOverflow(family), nowMs: () => this.#expiredMs };
  }

  #onOverflow(family: string): void {
    const name = "tulle_metrics_dropped_series_total";
    const known = this.#families.get(name) as Family<Counter> | undefined;
    const dropped: SeriesSource<Counter> =
      known ??
      this.counter(
        "tulle_metrics_dropped_series_total",
        "Label sets that were counted in the overflow series because their family has no room, by family.",
      );
    dropped.with({ family }).value += 1;
  }

  #add<T extends Metric>(family: Family<T>): Family<T> {
    assert(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(family.name), `${family.name} is a metric name`);
    assert(!this.#families.has(family.name), `metric ${family.name} is declared once`);
    this.#families.set(family.name, family as Family<Counter> | Family<Gauge> | Family<Histogram>);
    return family;
  }
}
