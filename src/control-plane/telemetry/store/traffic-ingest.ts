/**
 * From the points of a push to figures: what each counter has grown since its proxy told it last goes to the series of its
 * labels. Counters that began anew are told by their start (OTLP data model, "Resets and Gaps").
 */
import { ROUTE_DURATIONS } from "../../../telemetry/request-metrics-routes.ts";
import {
  type CounterMemory,
  type CounterState,
  hashLabels,
  type InstanceMemory,
} from "./counter-memory.ts";
import { type MetricPoint, readLabels, readPoints } from "./point-reader.ts";
import type { Rollups } from "./rollups.ts";
import type { SeriesTable, TrafficSeries } from "./series-table.ts";
import { isOwnTraffic, routeKey, type TrafficKey, trafficKey } from "./traffic-key.ts";
import {
  BUCKET_COUNT,
  DURATION_SUM,
  emptySlots,
  FIRST_BUCKET,
  REQUESTS,
  TCP_CLOSED,
  TCP_OPENED,
  TCP_RECEIVED,
  TCP_SENT,
} from "./traffic-slots.ts";

/** Whom a push is about. */
export interface Teller {
  readonly namespace: string;
  readonly service: string;
  readonly instance: string;
  /** Empty when nothing was proven. */
  readonly principal: string;
}

export interface TrafficExemplar {
  readonly timeMs: number;
  readonly latencyMs: number;
  readonly traceId: string;
  readonly key: TrafficKey;
}

export interface TrafficIngestOptions {
  readonly memory: CounterMemory;
  readonly series: SeriesTable;
  readonly rollups: Rollups;
  /** Of the narrow figures. */
  readonly narrow: Rollups;
  readonly onExemplar: (exemplar: TrafficExemplar) => void;
  /** Points of families that are no traffic. */
  readonly onFigure: (teller: Teller, point: MetricPoint, bytes: Uint8Array) => void;
  readonly wantsFigure: (family: string) => boolean;
  /**
   * Since when everything that is told is remembered, in milliseconds: counters that began before, of proxies that were
   * never heard of, count from their first push on.
   */
  readonly sinceMs: number;
}

const MICROSECONDS = 1000;
/** Of a histogram its sum in microseconds, then its buckets. */
const HISTOGRAM_NUMBERS = 1 + BUCKET_COUNT;
/** What comes late or after a long pause is put into the last seconds. */
const SPREAD_MS_MAX = 60_000;
/** By then a proxy has told all its series once: sidecars repeat those that did not change every minute. */
const SETTLED_MS = 150_000;

const COUNTERS: Readonly<Record<string, number>> = {
  istio_requests_total: REQUESTS,
  tulle_route_requests_total: REQUESTS,
  istio_tcp_connections_opened_total: TCP_OPENED,
  istio_tcp_connections_closed_total: TCP_CLOSED,
  istio_tcp_sent_bytes_total: TCP_SENT,
  istio_tcp_received_bytes_total: TCP_RECEIVED,
};
const ROUTE_PREFIX = "tulle_route_";
const DURATIONS: ReadonlySet<string> = new Set([
  "istio_request_duration_milliseconds",
  ROUTE_DURATIONS,
]);
const SEEDS: Readonly<Record<string, number>> = Object.fromEntries(
  [...Object.keys(COUNTERS), ...DURATIONS].map((family, index) => [family, index + 1]),
);

export class TrafficIngest {
  readonly #options: TrafficIngestOptions;
  readonly #deltas = emptySlots();
  #refused = 0;

  constructor(options: TrafficIngestOptions) {
    this.#options = options;
  }

  /** Series that proxies told about others, and which were not counted. */
  get refused(): number {
    return this.#refused;
  }

  /** Throws `MalformedMessage`; what came before it was counted. */
  add(bytes: Uint8Array, tellers: readonly Teller[], nowMs: number): void {
    readPoints(bytes, {
      wants: (family) => SEEDS[family] !== undefined || this.#options.wantsFigure(family),
      onPoint: (point, from, index) => {
        const teller = tellers[index];
        if (teller === undefined) return;
        if (SEEDS[point.family] === undefined) this.#options.onFigure(teller, point, from);
        else this.#addPoint(point, from, teller, nowMs);
      },
    });
  }

  #addPoint(point: MetricPoint, bytes: Uint8Array, teller: Teller, nowMs: number): void {
    const { memory } = this.#options;
    const name = `${teller.namespace}/${teller.instance}/${teller.principal}`;
    const known = memory.get(name);
    const instance = known ?? memory.add(name, nowMs);
    if (point.timeMs > instance.timeMs) {
      const timeMs = Math.round(point.timeMs);
      instance.previousMs = known === undefined ? timeMs : instance.timeMs;
      instance.timeMs = timeMs;
    }
    instance.heardMs = nowMs;
    instance.isDirty = true;
    const { labelsStart, labelsEnd } = point;
    const hash = hashLabels(SEEDS[point.family] ?? 0, bytes, labelsStart, labelsEnd);
    const before = instance.counters.get(hash);
    const state = before ?? this.#newState(point, bytes, teller, nowMs);
    if (before === undefined) instance.counters.set(hash, state);
    const counts = this.#isCounted(point, { isNew: before === undefined, known, state });
    const isGrown = this.#difference(point, state, counts);
    state.startMs = Math.round(point.startMs);
    if (!isGrown || state.seriesId === 0) return;
    const series = this.#options.series.get(state.seriesId);
    if (series === undefined) return;
    const spreadMs = Math.min(Math.max(point.timeMs - instance.previousMs, 0), SPREAD_MS_MAX);
    this.#count(series, nowMs - spreadMs, nowMs);
    this.#tellExemplars(point, series.key);
  }

  #count(series: TrafficSeries, fromMs: number, nowMs: number): void {
    series.usedMs = nowMs;
    this.#options.rollups.add(series.id, this.#deltas, fromMs, nowMs);
    const narrow = this.#options.series.narrowOf(series, nowMs);
    if (narrow !== undefined) this.#options.narrow.add(narrow.id, this.#deltas, fromMs, nowMs);
  }

  /** Whether all that a counter shows is new: of one that was told before only what it has grown. */
  #isCounted(
    point: MetricPoint,
    {
      isNew,
      known,
      state,
    }: {
      readonly isNew: boolean;
      readonly known: InstanceMemory | undefined;
      readonly state: CounterState;
    },
  ): "whole" | "difference" | "nothing" {
    if (point.isDelta) return "whole";
    if (!isNew) return Math.round(point.startMs) > state.startMs ? "whole" : "difference";
    if (point.startMs >= this.#options.sinceMs) return "whole";
    // Of a proxy that was heard of for a while every series is known, so that this one began since its last push.
    const isSettled = known !== undefined && known.heardMs - known.firstHeardMs > SETTLED_MS;
    const isYoung = known !== undefined && Math.round(point.startMs) >= known.previousMs;
    return isSettled || isYoung ? "whole" : "nothing";
  }

  /** Leaves what was added in `#deltas`, and what is shown in the state. False when nothing was added. */
  #difference(
    point: MetricPoint,
    { last }: CounterState,
    counts: "whole" | "difference" | "nothing",
  ): boolean {
    const deltas = this.#deltas;
    deltas.fill(0);
    const isHistogram = DURATIONS.has(point.family);
    // A counter that fell without a new start was set back all the same.
    const isReset = counts === "difference" && this.#hasFallen(point, last);
    const isWhole = counts === "whole" || isReset;
    let sum = 0;
    for (let index = 0; index < last.length; index++) {
      const shown = Math.max(0, this.#numberOf(point, index));
      const delta =
        counts === "nothing" ? 0 : isWhole ? shown : Math.max(0, shown - (last[index] ?? 0));
      last[index] = point.isDelta ? 0 : shown;
      sum += delta;
      const slot = isHistogram
        ? index === 0
          ? DURATION_SUM
          : FIRST_BUCKET + index - 1
        : (COUNTERS[point.family] ?? 0);
      deltas[slot] = delta;
    }
    return sum > 0;
  }

  #hasFallen(point: MetricPoint, last: Float64Array): boolean {
    for (let index = 0; index < last.length; index++) {
      if (this.#numberOf(point, index) < (last[index] ?? 0)) return true;
    }
    return false;
  }

  /** The numbers of a point as the state has them: whole. */
  #numberOf(point: MetricPoint, index: number): number {
    if (!DURATIONS.has(point.family)) return Math.round(point.value);
    return index === 0 ? Math.round(point.sum * MICROSECONDS) : (point.buckets[index - 1] ?? 0);
  }

  #newState(point: MetricPoint, bytes: Uint8Array, teller: Teller, nowMs: number): CounterState {
    const labels = readLabels(bytes, { start: point.labelsStart, end: point.labelsEnd });
    const isOwn = isOwnTraffic(labels, teller);
    if (!isOwn) this.#refused += 1;
    const series = isOwn
      ? this.#options.series.of(keyOf(point.family, labels, teller), nowMs)
      : undefined;
    return {
      seriesId: series?.id ?? 0,
      startMs: Math.round(point.startMs),
      last: new Float64Array(DURATIONS.has(point.family) ? HISTOGRAM_NUMBERS : 1),
    };
  }

  #tellExemplars({ exemplars }: MetricPoint, key: TrafficKey): void {
    if (key.reporter === "route") return;
    for (const { timeMs, value, traceId } of exemplars) {
      this.#options.onExemplar({ timeMs, latencyMs: value, traceId, key });
    }
  }
}

function keyOf(family: string, labels: ReadonlyMap<string, string>, teller: Teller): TrafficKey {
  return family.startsWith(ROUTE_PREFIX)
    ? routeKey(labels, teller)
    : trafficKey(labels, teller.instance);
}
