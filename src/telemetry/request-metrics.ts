/**
 * Istio's request metrics. The labels of a series are known once the destination and the outcome
 * are; whoever records keeps the series, so that a request costs a few additions.
 */
import type { Counter } from "./counter.ts";
import type { Histogram } from "./histogram.ts";
import type { MetricRegistry, SeriesSource } from "./metric-registry.ts";

/** The two ends of a request as labels. Missing values are `unknown`, as Istio writes them. */
export interface WorkloadLabels {
  readonly workload: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly namespace: string;
  readonly principal: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
}

export interface ServiceLabels {
  /** Full host name. */
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

export const UNKNOWN_WORKLOAD: WorkloadLabels = {
  workload: "unknown",
  canonicalService: "unknown",
  canonicalRevision: "latest",
  namespace: "unknown",
  principal: "unknown",
  app: "unknown",
  version: "unknown",
  cluster: "unknown",
};

export const UNKNOWN_SERVICE: ServiceLabels = {
  host: "unknown",
  name: "unknown",
  namespace: "unknown",
};

/** Who reports what between whom: the labels that requests and TCP connections share. */
export interface ReportedEnds {
  readonly reporter: "source" | "destination";
  readonly source: WorkloadLabels;
  readonly destination: WorkloadLabels;
  readonly service: ServiceLabels;
}

export interface RequestLabels extends ReportedEnds {
  readonly protocol: "http" | "grpc";
  /** 0 when no response was sent. */
  readonly responseCode: number;
  /** The code of gRPC, -1 when there is none: the label is left out, as Prometheus does with empty ones. */
  readonly grpcStatus: number;
  readonly responseFlags: string;
  readonly securityPolicy: "mutual_tls" | "none" | "unknown";
}

export interface RequestSeries {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;
}

export class RequestMetrics {
  readonly #requests: SeriesSource<Counter>;
  readonly #duration: SeriesSource<Histogram>;
  readonly #requestBytes: SeriesSource<Histogram>;
  readonly #responseBytes: SeriesSource<Histogram>;

  constructor(registry: MetricRegistry) {
    this.#requests = registry.counter("istio_requests_total", "Requests, counted when they end.");
    this.#duration = registry.histogram(
      "istio_request_duration_milliseconds",
      "Time from the first byte of a request to the end of its response.",
    );
    this.#requestBytes = registry.histogram(
      "istio_request_bytes",
      "Size of requests on the downstream wire.",
    );
    this.#responseBytes = registry.histogram(
      "istio_response_bytes",
      "Size of responses on the downstream wire.",
    );
  }

  series(labels: RequestLabels): RequestSeries {
    const set = istioLabels(labels);
    return {
      requests: this.#requests.with(set),
      duration: this.#duration.with(set),
      requestBytes: this.#requestBytes.with(set),
      responseBytes: this.#responseBytes.with(set),
    };
  }
}

/** Counts one finished request. */
export function recordRequest(
  series: RequestSeries,
  durationMs: number,
  requestBytes: number,
  responseBytes: number,
): void {
  series.requests.value += 1;
  series.duration.observe(Math.round(durationMs));
  series.requestBytes.observe(requestBytes);
  series.responseBytes.observe(responseBytes);
}

/** Istio's 25 labels, of which requests other than gRPC's have no `grpc_response_status`, in the order of its golden files. */
function istioLabels(labels: RequestLabels): Record<string, string> {
  return {
    ...endLabels(labels),
    request_protocol: labels.protocol,
    response_code: String(labels.responseCode),
    ...(labels.grpcStatus < 0 ? {} : { grpc_response_status: String(labels.grpcStatus) }),
    response_flags: labels.responseFlags,
    connection_security_policy: labels.securityPolicy,
  };
}

/** In the order of Istio's golden files. */
export function endLabels(ends: ReportedEnds): Record<string, string> {
  const { source, destination, service } = ends;
  return {
    reporter: ends.reporter,
    source_workload: source.workload,
    source_canonical_service: source.canonicalService,
    source_canonical_revision: source.canonicalRevision,
    source_workload_namespace: source.namespace,
    source_principal: source.principal,
    source_app: source.app,
    source_version: source.version,
    source_cluster: source.cluster,
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: destination.principal,
    destination_app: destination.app,
    destination_version: destination.version,
    destination_service: service.host,
    destination_canonical_service: destination.canonicalService,
    destination_canonical_revision: destination.canonicalRevision,
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
    destination_cluster: destination.cluster,
  };
}
