/**
 * Istio's request metrics. The labels of a series are known once the destination and the outcome
 * are; whoever records keeps the series, so that a request costs a few additions.
 */
import { Counter } from "./counter.ts";
import { BYTE_BOUNDS, DEFAULT_BOUNDS, type Histogram } from "./histogram.ts";
import {
  EXPIRES,
  type MetricRegistry,
  type MetricSource,
  type SeriesSource,
} from "./metric-registry.ts";
import { counterOf, histogramOf, PLAIN_METRICS } from "./request-metrics-settings.ts";

const SECOND_BOUNDS = DEFAULT_BOUNDS.map((ms) => ms / 1000);

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

/**
 * An edge of the service graph as Grafana's view of it wants: `traces_service_graph_*`, with the names of the two
 * services. The caller's side counts requests, the server's those of callers that have no sidecar.
 */
export interface ServiceGraphSeries {
  readonly requests: Counter;
  readonly failed: Counter;
  readonly seconds: Histogram;
}

export interface RequestSeries {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;
  /** The edge of the service graph, which series of other outcomes share. */
  readonly graph: ServiceGraphSeries;
  /** No answer, an error of the server's, or of gRPC any status but OK. */
  readonly isFailure: boolean;
}

export class RequestMetrics {
  readonly requests: MetricSource<Counter>;
  readonly #duration: SeriesSource<Histogram>;
  readonly #requestBytes: SeriesSource<Histogram>;
  readonly #responseBytes: SeriesSource<Histogram>;
  readonly #graph: ServiceGraphMetrics;

  constructor(registry: MetricRegistry) {
    this.#graph = new ServiceGraphMetrics(registry);
    this.requests = registry.counter(
      "istio_requests_total",
      "Requests, counted when they end.",
      EXPIRES,
    );
    this.#duration = registry.histogram(
      "istio_request_duration_milliseconds",
      "Time from the first byte of a request to the end of its response.",
      undefined,
      EXPIRES,
    );
    this.#requestBytes = registry.histogram(
      "istio_request_bytes",
      "Size of requests on the downstream wire.",
      BYTE_BOUNDS,
      EXPIRES,
    );
    this.#responseBytes = registry.histogram(
      "istio_response_bytes",
      "Size of responses on the downstream wire.",
      BYTE_BOUNDS,
      EXPIRES,
    );
  }

  series(labels: RequestLabels, settings = PLAIN_METRICS): RequestSeries {
    const set = istioLabels(labels);
    const size = { request: this.#requestBytes, response: this.#responseBytes };
    return {
      requests: counterOf(this.requests, "REQUEST_COUNT", set, settings),
      duration: histogramOf(this.#duration, "REQUEST_DURATION", set, settings),
      requestBytes: histogramOf(size.request, "REQUEST_SIZE", set, settings, BYTE_BOUNDS),
      responseBytes: histogramOf(size.response, "RESPONSE_SIZE", set, settings, BYTE_BOUNDS),
      graph: this.#graph.series(labels),
      isFailure: isFailure(labels),
    };
  }
}

/** Counts one finished request. Returns the bucket of its duration. */
export function recordRequest(
  series: RequestSeries,
  durationMs: number,
  requestBytes: number,
  responseBytes: number,
): number {
  series.requests.value += 1;
  const ms = Math.round(durationMs);
  const bucket = series.duration.observe(ms);
  series.requestBytes.observe(requestBytes);
  series.responseBytes.observe(responseBytes);
  const { graph } = series;
  graph.requests.value += 1;
  if (series.isFailure) graph.failed.value += 1;
  // The same bounds in seconds.
  graph.seconds.addTo(bucket, ms / 1000);
  return bucket;
}

function isFailure({ responseCode, grpcStatus }: RequestLabels): boolean {
  return responseCode === 0 || responseCode >= 500 || grpcStatus > 0;
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

class ServiceGraphMetrics {
  readonly #requests: SeriesSource<Counter>;
  readonly #failed: SeriesSource<Counter>;
  readonly #serverSeconds: SeriesSource<Histogram>;
  readonly #clientSeconds: SeriesSource<Histogram>;

  constructor(registry: MetricRegistry) {
    this.#requests = registry.counter(
      "traces_service_graph_request_total",
      "Requests from one service to another, for Grafana's service graph.",
      EXPIRES,
    );
    this.#failed = registry.counter(
      "traces_service_graph_request_failed_total",
      "Those of them that failed: no answer, 5xx, or a status of gRPC other than OK.",
      EXPIRES,
    );
    this.#serverSeconds = registry.histogram(
      "traces_service_graph_request_server_seconds",
      "How long they took by the server's sidecar.",
      SECOND_BOUNDS,
      EXPIRES,
    );
    this.#clientSeconds = registry.histogram(
      "traces_service_graph_request_client_seconds",
      "How long they took by the caller's sidecar.",
      SECOND_BOUNDS,
      EXPIRES,
    );
  }

  series({ reporter, source, service }: ReportedEnds): ServiceGraphSeries {
    const isStranger = source.canonicalService === UNKNOWN_WORKLOAD.canonicalService;
    const labels = {
      // Tempo's word for a caller that tells nothing.
      client: isStranger ? "user" : source.canonicalService,
      server: service.name,
      client_namespace: source.namespace,
      server_namespace: service.namespace,
    };
    const seconds = (reporter === "source" ? this.#clientSeconds : this.#serverSeconds).with(
      labels,
    );
    // Of a caller with a sidecar that one counts.
    if (reporter === "destination" && !isStranger) return { ...uncounted(), seconds };
    return { requests: this.#requests.with(labels), failed: this.#failed.with(labels), seconds };
  }
}

function uncounted(): Pick<ServiceGraphSeries, "requests" | "failed"> {
  return { requests: new Counter(), failed: new Counter() };
}
