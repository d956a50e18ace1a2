/** Counters that are sums of others under other names: what grew since the last look is added, so that none ever falls. */
import type { Counter } from "./counter.ts";
import type { Labels, MetricFamily } from "./metric-family.ts";
import type { SeriesSource } from "./metric-registry.ts";

export class DerivedCounter {
  readonly #source: Pick<MetricFamily<Counter>, "series">;
  readonly #target: SeriesSource<Counter>;
  readonly #labelsOf: (labels: Labels) => Labels | undefined;
  #seen = new Map<string, number>();

  /** `labelsOf`: undefined for series that are not to be told. */
  constructor(
    source: Pick<MetricFamily<Counter>, "series">,
    target: SeriesSource<Counter>,
    labelsOf: (labels: Labels) => Labels | undefined,
  ) {
    this.#source = source;
    this.#target = target;
    this.#labelsOf = labelsOf;
  }

  update(): void {
    const seen = new Map<string, number>();
    for (const [key, { labels, metric }] of this.#source.series) {
      const { value } = metric;
      seen.set(key, value);
      const before = this.#seen.get(key) ?? 0;
      // One that was given up has begun anew.
      const growth = value < before ? value : value - before;
      if (growth === 0) continue;
      const told = this.#labelsOf(labels);
      if (told !== undefined) this.#target.with(told).value += growth;
    }
    this.#seen = seen;
  }
}
