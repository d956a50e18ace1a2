/** What each proxy tells of itself beside traffic: CPU, memory, delays, hosts that it ejected. The last word only. */
import { type MetricPoint, readLabels } from "./point-reader.ts";
import type { Teller } from "./traffic-ingest.ts";

/** As a proxy told last; null for what it did not. */
export interface InstanceFigures {
  readonly namespace: string;
  readonly service: string;
  readonly instance: string;
  readonly heardMs: number;
  readonly cpuCores: number | null;
  readonly memoryBytes: number | null;
  readonly appCpuCores: number | null;
  readonly appMemoryBytes: number | null;
  readonly eventLoopLagMs: number | null;
  readonly startedMs: number | null;
  /** Calls of the app that passed a trace's context on, and such that lost it, since the proxy was started. */
  readonly contextPassedOn: number | null;
  readonly contextLost: number | null;
  /** Hosts that it ejected, by cluster; clusters with none are left out. */
  readonly ejected: Readonly<Record<string, number>>;
  /** Which ones, as `address:port`, by cluster. */
  readonly ejectedEndpoints: Readonly<Record<string, readonly string[]>>;
  /** Label sets that had no room in their family since the proxy was started, by family. */
  readonly droppedSeries: Readonly<Record<string, number>>;
}

interface CpuReading {
  readonly timeMs: number;
  readonly seconds: number;
}

interface Known {
  teller: Teller;
  heardMs: number;
  readonly values: Map<string, number>;
  readonly cpu: Map<string, readonly CpuReading[]>;
  readonly ejected: Map<string, number>;
  /** `cluster`, a space and `address:port`. */
  readonly ejectedEndpoints: Set<string>;
  readonly droppedSeries: Map<string, number>;
}

const CPU = "process_cpu_seconds_total";
const APP_CPU = "tulle_app_cpu_seconds_total";
const EJECTED = "tulle_outlier_ejections_active";
const EJECTED_ENDPOINT = "tulle_outlier_endpoint_ejected";
const DROPPED_SERIES = "tulle_metrics_dropped_series_total";
const MEMORY = "process_resident_memory_bytes";
const APP_MEMORY = "tulle_app_resident_memory_bytes";
const LAG = "tulle_event_loop_lag_seconds";
const STARTED = "process_start_time_seconds";
const PASSED_ON = "tulle_trace_context_passed_on_total";
const LOST = "tulle_trace_context_lost_total";
const FAMILIES: ReadonlySet<string> = new Set([
  CPU,
  APP_CPU,
  EJECTED,
  EJECTED_ENDPOINT,
  DROPPED_SERIES,
  MEMORY,
  APP_MEMORY,
  LAG,
  STARTED,
  PASSED_ON,
  LOST,
]);
/** CPU is what was used in the last seconds, but not of one push: these come unevenly. */
const CPU_SPAN_MS = 15_000;
const CPU_READINGS_MAX = 16;
const INSTANCES_MAX = 20_000;
const CLUSTERS_MAX = 2000;
const FAMILIES_MAX = 200;
/** Of one proxy; it tells no more. */
const EJECTED_ENDPOINTS_MAX = 512;

export class InstanceFiguresTable {
  readonly #known = new Map<string, Known>();

  wants(family: string): boolean {
    return FAMILIES.has(family);
  }

  /** Anything that was told is a sign of life. */
  hear(teller: Teller, nowMs: number): void {
    const key = `${teller.namespace}/${teller.instance}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.teller = teller;
      known.heardMs = nowMs;
      return;
    }
    if (this.#known.size >= INSTANCES_MAX) return;
    this.#known.set(key, {
      ...{ teller, heardMs: nowMs, values: new Map(), cpu: new Map() },
      ...{ ejected: new Map(), ejectedEndpoints: new Set() },
      droppedSeries: new Map(),
    });
  }

  add(teller: Teller, point: MetricPoint, bytes: Uint8Array, nowMs: number): void {
    this.hear(teller, nowMs);
    const known = this.#known.get(`${teller.namespace}/${teller.instance}`);
    if (known === undefined) return;
    const { family, value } = point;
    if (family === CPU || family === APP_CPU) {
      addReading(known.cpu, family, { timeMs: point.timeMs, seconds: value });
    } else if (family === EJECTED || family === EJECTED_ENDPOINT) {
      const labels = readLabels(bytes, { start: point.labelsStart, end: point.labelsEnd });
      if (family === EJECTED) addEjected(known, labels, value);
      else addEjectedEndpoint(known, labels, value);
    } else if (family === DROPPED_SERIES) {
      const labels = readLabels(bytes, { start: point.labelsStart, end: point.labelsEnd });
      const { droppedSeries } = known;
      const of = labels.get("family") ?? "";
      if (droppedSeries.has(of) || droppedSeries.size < FAMILIES_MAX) droppedSeries.set(of, value);
    } else {
      // A process that is new has ejected nothing yet.
      if (family === STARTED && (known.values.get(STARTED) ?? value) !== value) {
        known.ejected.clear();
        known.ejectedEndpoints.clear();
        known.droppedSeries.clear();
      }
      known.values.set(family, value);
    }
  }

  /** Those that were heard since. */
  list(sinceMs: number): readonly InstanceFigures[] {
    return [...this.#known.values()]
      .filter(({ heardMs }) => heardMs >= sinceMs)
      .map(({ teller, heardMs, values, cpu, ejected, ejectedEndpoints, droppedSeries }) => {
        const lag = values.get(LAG);
        const started = values.get(STARTED);
        return {
          namespace: teller.namespace,
          service: teller.service,
          instance: teller.instance,
          heardMs,
          cpuCores: coresOf(cpu.get(CPU)),
          memoryBytes: values.get(MEMORY) ?? null,
          appCpuCores: coresOf(cpu.get(APP_CPU)),
          appMemoryBytes: values.get(APP_MEMORY) ?? null,
          eventLoopLagMs: lag === undefined ? null : lag * 1000,
          startedMs: started === undefined ? null : started * 1000,
          contextPassedOn: values.get(PASSED_ON) ?? null,
          contextLost: values.get(LOST) ?? null,
          ejected: Object.fromEntries(ejected),
          ejectedEndpoints: byCluster(ejectedEndpoints),
          droppedSeries: Object.fromEntries(droppedSeries),
        };
      });
  }

  forget(beforeMs: number): void {
    for (const [key, { heardMs }] of this.#known) if (heardMs < beforeMs) this.#known.delete(key);
  }
}

function addEjected({ ejected }: Known, labels: ReadonlyMap<string, string>, value: number): void {
  const cluster = labels.get("cluster") ?? "";
  if (value === 0) ejected.delete(cluster);
  else if (ejected.size < CLUSTERS_MAX) ejected.set(cluster, value);
}

function addEjectedEndpoint(
  { ejectedEndpoints }: Known,
  labels: ReadonlyMap<string, string>,
  value: number,
): void {
  const key = `${labels.get("cluster") ?? ""} ${labels.get("endpoint") ?? ""}`;
  if (value === 0) ejectedEndpoints.delete(key);
  else if (ejectedEndpoints.size < EJECTED_ENDPOINTS_MAX) ejectedEndpoints.add(key);
}

function byCluster(all: ReadonlySet<string>): Readonly<Record<string, readonly string[]>> {
  const clusters = new Map<string, string[]>();
  for (const key of all) {
    const space = key.indexOf(" ");
    const cluster = key.slice(0, space);
    const endpoints = clusters.get(cluster);
    if (endpoints === undefined) clusters.set(cluster, [key.slice(space + 1)]);
    else endpoints.push(key.slice(space + 1));
  }
  return Object.fromEntries(clusters);
}

function addReading(
  all: Map<string, readonly CpuReading[]>,
  family: string,
  one: CpuReading,
): void {
  const readings = all.get(family) ?? [];
  const last = readings.at(-1);
  // A process that was started anew.
  const kept = last !== undefined && last.seconds > one.seconds ? [] : readings;
  // Up to one that is older than the span, which the difference begins with.
  const first = kept.findLastIndex(({ timeMs }) => timeMs <= one.timeMs - CPU_SPAN_MS);
  all.set(family, [...kept.slice(Math.max(0, first)), one].slice(-CPU_READINGS_MAX));
}

/** Null until there are two readings. */
function coresOf(readings: readonly CpuReading[] | undefined): number | null {
  const [first, last] = [readings?.[0], readings?.at(-1)];
  if (first === undefined || last === undefined || last.timeMs <= first.timeMs) return null;
  return (last.seconds - first.seconds) / ((last.timeMs - first.timeMs) / 1000);
}
