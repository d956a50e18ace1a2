/** Numbers for the series of traffic, so that a step's figures are small. Bounded: beyond it all is one series. */
import { TELEMETRY_SERIES_MAX } from "../limits.ts";
import {
  DIMENSIONS,
  formatTrafficKey,
  isErrorKey,
  narrowKey,
  parseTrafficKey,
  type TrafficKey,
} from "./traffic-key.ts";

export interface TrafficSeries {
  readonly id: number;
  readonly key: TrafficKey;
  readonly isError: boolean;
  readonly isTcp: boolean;
  /** Of the narrow figures, once it is known. */
  narrow: TrafficSeries | undefined;
  /** When a figure was added last, milliseconds. */
  usedMs: number;
}

/** What traffic is counted as that came when there were too many series. */
const OVERFLOW = "overflow";

export class SeriesTable {
  readonly #byText = new Map<string, TrafficSeries>();
  readonly #byId = new Map<number, TrafficSeries>();
  #nextId = 1;
  /** Not written down yet. */
  #added: TrafficSeries[] = [];

  get size(): number {
    return this.#byId.size;
  }

  /** Ids are below it. */
  get idEnd(): number {
    return this.#nextId;
  }

  all(): Iterable<TrafficSeries> {
    return this.#byId.values();
  }

  get(id: number): TrafficSeries | undefined {
    return this.#byId.get(id);
  }

  /** One that was written down earlier. */
  restore(id: number, text: string, usedMs: number): void {
    this.#set(id, text, parseTrafficKey(text), usedMs);
  }

  of(key: TrafficKey, nowMs: number): TrafficSeries {
    const text = formatTrafficKey(key);
    const known = this.#byText.get(text);
    if (known !== undefined) {
      known.usedMs = nowMs;
      return known;
    }
    if (this.#byId.size >= TELEMETRY_SERIES_MAX) {
      const overflow = overflowOf(key);
      const overflowText = formatTrafficKey(overflow);
      const one = this.#byText.get(overflowText);
      return one ?? this.#add(overflowText, overflow, nowMs);
    }
    return this.#add(text, key, nowMs);
  }

  /** The series of the narrow figures that this one adds to; undefined where there is none. */
  narrowOf(series: TrafficSeries, nowMs: number): TrafficSeries | undefined {
    if (series.narrow === undefined) {
      const key = narrowKey(series.key);
      if (key === undefined) return undefined;
      series.narrow = this.of(key, nowMs);
    }
    series.narrow.usedMs = nowMs;
    return series.narrow;
  }

  /** Those that are new since the last call, to be written down. */
  takeAdded(): readonly { readonly id: number; readonly text: string }[] {
    const added = this.#added.map(({ id, key }) => ({ id, text: formatTrafficKey(key) }));
    this.#added = [];
    return added;
  }

  /** Forgets those that were used last before, and tells their ids. */
  forgetUnused(beforeMs: number): readonly number[] {
    const gone = [...this.#byId.values()].filter(({ usedMs }) => usedMs < beforeMs);
    for (const { id, key } of gone) {
      this.#byId.delete(id);
      this.#byText.delete(formatTrafficKey(key));
    }
    return gone.map(({ id }) => id);
  }

  #add(text: string, key: TrafficKey, nowMs: number): TrafficSeries {
    const series = this.#set(this.#nextId, text, key, nowMs);
    this.#added.push(series);
    return series;
  }

  #set(id: number, text: string, key: TrafficKey, usedMs: number): TrafficSeries {
    const isTcp = key.protocol === "tcp";
    const isError = isErrorKey(key);
    const series: TrafficSeries = { id, key, isError, isTcp, narrow: undefined, usedMs };
    this.#byText.set(text, series);
    this.#byId.set(id, series);
    this.#nextId = Math.max(this.#nextId, id + 1);
    return series;
  }
}

/** Whether it is TCP and whether it failed stay true. */
function overflowOf(key: TrafficKey): TrafficKey {
  const kept: ReadonlySet<string> = new Set(["reporter", "protocol", "code", "grpcStatus"]);
  return Object.fromEntries(
    DIMENSIONS.map((dimension) => [dimension, kept.has(dimension) ? key[dimension] : OVERFLOW]),
  ) as Record<(typeof DIMENSIONS)[number], string>;
}
