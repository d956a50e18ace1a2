/**
 * What a sidecar's metrics say about the traffic between services: how much there was, how much of it failed,
 * how much was protected, and which version answered. Counts come from Istio's standard counter.
 */

/** One time series of a counter. */
export interface Series {
  readonly labels: ReadonlyMap<string, string>;
  readonly count: number;
}

/** One of `istio_requests_total`. */
export type RequestSeries = Series;

const FAMILY = "istio_requests_total";
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the Prometheus text format; every line of another family is skipped. */
export function parseRequestSeries(exposition: string): readonly RequestSeries[] {
  return parseSeries(exposition, FAMILY);
}

/** The same for any family of counters. */
export function parseSeries(exposition: string, family: string): readonly Series[] {
  const series: Series[] = [];
  for (const line of exposition.split("\n")) {
    if (!line.startsWith(`${family}{`)) continue;
    const end = line.lastIndexOf("}");
    const count = Number(
      line
        .slice(end + 1)
        .trim()
        .split(" ")[0],
    );
    if (end === -1 || Number.isNaN(count)) continue;
    const labels = new Map<string, string>();
    for (const [, name = "", value = ""] of line.slice(family.length + 1, end).matchAll(LABEL)) {
      labels.set(
        name,
        value.replaceAll(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char)),
      );
    }
    series.push({ labels, count });
  }
  return series;
}

export interface TrafficSummary {
  /** Requests that reached a service's sidecar, each counted once. */
  readonly requests: number;
  /** Of `requests`: over mutual TLS. */
  readonly mutualTls: number;
  /** Requests that a caller's sidecar saw fail: no answer, or a status of 500 and above. */
  readonly failures: number;
  /** One line for each kind of failure, the most frequent first: `storefront → cart: 503 UH, 12 times`. */
  readonly failureKinds: readonly string[];
  /** Answers by `service` and then by version. */
  readonly versions: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Sums up the metrics of every sidecar. */
export function summarizeTraffic(series: readonly RequestSeries[]): TrafficSummary {
  let requests = 0;
  let mutualTls = 0;
  let failures = 0;
  const kinds = new Map<string, number>();
  const versions = new Map<string, Map<string, number>>();
  for (const { labels, count } of series) {
    const label = (name: string): string => labels.get(name) ?? "unknown";
    if (label("reporter") === "destination") {
      requests += count;
      if (label("connection_security_policy") === "mutual_tls") mutualTls += count;
      const service = label("destination_canonical_service");
      const counts = versions.get(service) ?? new Map<string, number>();
      const version = label("destination_version");
      versions.set(service, counts.set(version, (counts.get(version) ?? 0) + count));
    } else if (label("reporter") === "source" && isFailure(label("response_code"))) {
      failures += count;
      const path = `${label("source_canonical_service")} → ${label("destination_service_name")}`;
      const kind = `${path}: ${label("response_code")} ${label("response_flags")}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    }
  }
  const failureKinds = [...kinds]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind}, ${count} times`);
  return { requests, mutualTls, failures, failureKinds, versions };
}

/** 0 stands for a request that was never answered. */
function isFailure(responseCode: string): boolean {
  const code = Number(responseCode);
  return code === 0 || code >= 500;
}
