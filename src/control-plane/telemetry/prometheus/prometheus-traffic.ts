/**
 * The same figures of traffic from a Prometheus that scrapes the sidecars, by PromQL on Istio's families. Counts are what
 * `increase` makes of samples: about right, where the built-in store is exact.
 */
import type { Clock } from "../../../core/clock.ts";
import {
  ROUTE_DURATION_BOUNDS,
  ROUTE_DURATIONS,
} from "../../../telemetry/request-metrics-routes.ts";
import { floorTo, windowOf } from "../store/rollups.ts";
import {
  type Dimension,
  isErrorKey,
  routeKey,
  type TrafficKey,
  trafficKey,
} from "../store/traffic-key.ts";
import type {
  TrafficAnswer,
  TrafficQuery,
  TrafficRow,
  TrafficSteps,
} from "../store/traffic-read.ts";
import { BUCKET_COUNT, LATENCY_BOUNDS_MS } from "../store/traffic-slots.ts";
import { type AskedTime, askPrometheus, type PrometheusSample } from "./prometheus-client.ts";

export interface PrometheusTrafficOptions {
  readonly url: URL;
  readonly clock: Clock;
  /** Ends questions when the control plane stops. */
  readonly signal: AbortSignal;
}

/** `increase` needs some scrapes, which are mostly 15 s apart: a step has its share of the minute before. */
const STEP_RANGE_MS = 60_000;

/** What is added to, by family. */
type Figure =
  | "buckets"
  | "durationSumMs"
  | "requests"
  | "tcpClosed"
  | "tcpOpened"
  | "tcpReceived"
  | "tcpSent";

/** The labels that each dimension is made of. */
const LABELS: Readonly<Record<Dimension, readonly string[]>> = {
  reporter: ["reporter"],
  sourceNamespace: ["source_workload_namespace", "source_principal"],
  sourceName: ["source_canonical_service", "source_app", "source_workload", "source_principal"],
  sourceVersion: ["source_version"],
  sourcePrincipal: ["source_principal"],
  destinationNamespace: ["destination_service_namespace", "destination_workload_namespace"],
  destinationName: [
    "destination_service_name",
    "destination_canonical_service",
    "destination_workload",
  ],
  destinationVersion: ["destination_version"],
  destinationPrincipal: ["destination_principal"],
  protocol: ["request_protocol"],
  code: ["response_code"],
  grpcStatus: ["grpc_response_status"],
  flags: ["response_flags"],
  security: ["connection_security_policy"],
  instance: ["pod", "reporter"],
  route: ["route"],
  backend: ["backend"],
};
/** What decides whether a request failed. */
const RESULT_LABELS = ["request_protocol", "response_code", "grpc_response_status"];
const ROUTE_LABELS = [
  "destination_service_name",
  "destination_service_namespace",
  "route",
  "backend",
  "response_code_class",
];

const ISTIO: Readonly<Record<string, Figure>> = {
  istio_requests_total: "requests",
  istio_request_duration_milliseconds_sum: "durationSumMs",
  istio_request_duration_milliseconds_bucket: "buckets",
  istio_tcp_connections_opened_total: "tcpOpened",
  istio_tcp_connections_closed_total: "tcpClosed",
  istio_tcp_sent_bytes_total: "tcpSent",
  istio_tcp_received_bytes_total: "tcpReceived",
};
const ROUTES: Readonly<Record<string, Figure>> = {
  tulle_route_requests_total: "requests",
  [`${ROUTE_DURATIONS}_sum`]: "durationSumMs",
  [`${ROUTE_DURATIONS}_bucket`]: "buckets",
};
const MS_PER_SECOND = 1000;
/** Of our buckets the one for what is above all bounds of routes. */
const ROUTES_ABOVE = bucketUpTo((ROUTE_DURATION_BOUNDS.at(-1) ?? 0) * MS_PER_SECOND) + 1;

interface Group {
  readonly key: readonly string[];
  readonly totals: Record<Exclude<Figure, "buckets"> | "errors", number>;
  /** Cumulative over buckets until the end. */
  readonly buckets: Float64Array;
  readonly steps: TrafficSteps | undefined;
}

export class PrometheusTraffic {
  readonly #options: PrometheusTrafficOptions;

  constructor(options: PrometheusTrafficOptions) {
    this.#options = options;
  }

  /** Rejects with an Error that says what went wrong. */
  async traffic(query: TrafficQuery): Promise<TrafficAnswer> {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const window = windowOf(query.fromMs, query.toMs, nowMs);
    const stepCount = Math.round((window.toMs - window.fromMs) / window.stepMs);
    const groups = new Map<string, Group>();
    const families = query.where.reporter === "route" ? ROUTES : ISTIO;
    const atMs = Math.min(window.toMs, nowMs);
    const jobs = Object.entries(families).flatMap(([family, figure]) => {
      const whole = this.#read(query, family, atMs - window.fromMs, { kind: "instant", atMs });
      const add = whole.then((samples) =>
        addSamples(groups, samples, { query, family, figure, stepCount, window: undefined }),
      );
      if (!query.hasSteps || figure.startsWith("tcp")) return [add];
      const rangeMs = Math.max(window.stepMs, STEP_RANGE_MS);
      const steps = this.#read(query, family, rangeMs, {
        kind: "steps",
        fromMs: window.fromMs + window.stepMs,
        toMs: floorTo(atMs, window.stepMs),
        stepMs: window.stepMs,
      });
      return [
        add,
        steps.then((samples) =>
          addSamples(groups, samples, {
            ...{ query, family, figure, stepCount },
            window: { ...window, share: window.stepMs / rangeMs },
          }),
        ),
      ];
    });
    await Promise.all(jobs);
    return { ...window, rows: [...groups.values()].map((group) => rowOf(group, window)) };
  }

  #read(
    query: TrafficQuery,
    family: string,
    rangeMs: number,
    time: AskedTime,
  ): Promise<readonly PrometheusSample[]> {
    if (time.kind === "steps" && time.toMs < time.fromMs) return Promise.resolve([]);
    const seconds = Math.max(1, Math.round(rangeMs / 1000));
    const labels = [...new Set(labelsOf(query, family))].join(", ");
    const text = `sum by (${labels}) (increase(${family}${matchersOf(query)}[${seconds}s])) > 0`;
    return askPrometheus(this.#options.url, text, time, this.#options.signal);
  }
}

function labelsOf({ by, where }: TrafficQuery, family: string): readonly string[] {
  const le = family.endsWith("_bucket") ? ["le"] : [];
  if (family.startsWith("tulle_")) return [...ROUTE_LABELS, ...le];
  const dimensions = [...by, ...(Object.keys(where) as Dimension[])];
  return [...dimensions.flatMap((dimension) => LABELS[dimension]), ...RESULT_LABELS, ...le];
}

/** Only what has one label; the rest is compared here. */
function matchersOf({ where }: TrafficQuery): string {
  const matchers = Object.entries(where).flatMap(([dimension, value]) => {
    const [label, ...others] = LABELS[dimension as Dimension];
    if (value === "route" || others.length > 0 || label === undefined) return [];
    return [`${label}=${JSON.stringify(value)}`];
  });
  return matchers.length === 0 ? "" : `{${matchers.join(",")}}`;
}

interface Addition {
  readonly query: TrafficQuery;
  readonly family: string;
  readonly figure: Figure;
  readonly stepCount: number;
  /** Undefined for sums over all. */
  readonly window:
    | { readonly fromMs: number; readonly stepMs: number; readonly share: number }
    | undefined;
}

function addSamples(
  groups: Map<string, Group>,
  samples: readonly PrometheusSample[],
  addition: Addition,
): void {
  const { query, family, figure, window } = addition;
  for (const { labels, values } of samples) {
    const key = family.startsWith("tulle_")
      ? routeKey(labels, { namespace: "", service: "" })
      : trafficKey(labels, labels.get("pod") ?? "");
    const isError = isErrorKey(key);
    if (query.isErrorsOnly === true && !isError) continue;
    if (!isWanted(key, query.where)) continue;
    const group = groupOf(groups, key, addition);
    const bucket = figure === "buckets" ? bucketOf(family, labels.get("le")) : 0;
    const factor = figure === "durationSumMs" ? factorOf(family) : 1;
    for (const [seconds, told] of values) {
      const value = told * factor;
      if (window === undefined) addTotal(group, figure, { value, bucket, isError });
      else {
        // A sample tells of the step that ends with it.
        const step = Math.round((seconds * 1000 - window.fromMs) / window.stepMs) - 1;
        if (step < 0 || step >= addition.stepCount) continue;
        addStep(group.steps, figure, { value: value * window.share, bucket, isError, step });
      }
    }
  }
}

function isWanted(key: TrafficKey, where: Partial<TrafficKey>): boolean {
  return Object.entries(where).every(([dimension, value]) => key[dimension as Dimension] === value);
}

function groupOf(
  groups: Map<string, Group>,
  key: TrafficKey,
  { query, stepCount }: Addition,
): Group {
  const values = query.by.map((dimension) => key[dimension]);
  const text = values.join("\u001f");
  const known = groups.get(text);
  if (known !== undefined) return known;
  const group: Group = {
    key: values,
    totals: {
      ...{ requests: 0, errors: 0, durationSumMs: 0 },
      ...{ tcpOpened: 0, tcpClosed: 0, tcpSent: 0, tcpReceived: 0 },
    },
    buckets: new Float64Array(BUCKET_COUNT),
    steps: query.hasSteps
      ? {
          requests: new Float64Array(stepCount),
          errors: new Float64Array(stepCount),
          durationSumMs: new Float64Array(stepCount),
          buckets: new Float64Array(stepCount * BUCKET_COUNT),
        }
      : undefined,
  };
  groups.set(text, group);
  return group;
}

/** Milliseconds in the unit of a family. */
function factorOf(family: string): number {
  return family.startsWith(ROUTE_DURATIONS) ? MS_PER_SECOND : 1;
}

/** The bucket that ends with this bound, of ours the next above. */
function bucketOf(family: string, le = "+Inf"): number {
  if (le !== "+Inf") return bucketUpTo(Number(le) * factorOf(family));
  return family.startsWith(ROUTE_DURATIONS) ? ROUTES_ABOVE : BUCKET_COUNT - 1;
}

function bucketUpTo(boundMs: number): number {
  const index = LATENCY_BOUNDS_MS.findIndex((one) => one >= boundMs);
  return index < 0 ? BUCKET_COUNT - 1 : index;
}

interface Value {
  readonly value: number;
  readonly bucket: number;
  readonly isError: boolean;
}

function addTotal(
  { totals, buckets }: Group,
  figure: Figure,
  { value, bucket, isError }: Value,
): void {
  if (figure === "buckets") {
    buckets[bucket] = (buckets[bucket] ?? 0) + value;
    return;
  }
  totals[figure] += value;
  if (figure === "requests" && isError) totals.errors += value;
}

function addStep(
  steps: TrafficSteps | undefined,
  figure: Figure,
  { value, bucket, isError, step }: Value & { readonly step: number },
): void {
  if (steps === undefined) return;
  const add = (into: Float64Array, index: number): void => {
    into[index] = (into[index] ?? 0) + value;
  };
  if (figure === "buckets") add(steps.buckets, step * BUCKET_COUNT + bucket);
  else if (figure === "durationSumMs") add(steps.durationSumMs, step);
  else {
    add(steps.requests, step);
    if (isError) add(steps.errors, step);
  }
}

function rowOf(
  { key, totals, buckets, steps }: Group,
  {
    fromMs,
    toMs,
    stepMs,
  }: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
): TrafficRow {
  apart(buckets);
  const used = [...(steps?.requests ?? [])].flatMap((count, index) => (count > 0 ? [index] : []));
  return {
    key,
    totals: {
      requests: Math.round(totals.requests),
      errors: Math.round(totals.errors),
      durationSumMs: totals.durationSumMs,
      buckets,
      tcpOpened: Math.round(totals.tcpOpened),
      tcpClosed: Math.round(totals.tcpClosed),
      tcpSent: Math.round(totals.tcpSent),
      tcpReceived: Math.round(totals.tcpReceived),
    },
    firstMs: fromMs + (used[0] ?? 0) * stepMs,
    lastMs: used.length === 0 ? toMs - stepMs : fromMs + (used.at(-1) ?? 0) * stepMs,
    steps: steps && { ...steps, buckets: apartSteps(steps.buckets) },
  };
}

/** Buckets of Prometheus hold all that is below their bound. Where one has no sample it holds what the one before does. */
function apart(buckets: Float64Array): void {
  let below = 0;
  for (const [index, count] of buckets.entries()) {
    const all = Math.max(count, below);
    buckets[index] = all - below;
    below = all;
  }
}

function apartSteps(buckets: Float64Array): Float64Array {
  for (let at = 0; at < buckets.length; at += BUCKET_COUNT) {
    apart(buckets.subarray(at, at + BUCKET_COUNT));
  }
  return buckets;
}
