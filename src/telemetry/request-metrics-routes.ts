/** Which routes and backends requests took, as their callers' proxies decided: what splits are measured by. */
import type { Counter } from "./counter.ts";
import type { Histogram } from "./histogram.ts";
import {
  EXPIRES,
  type MetricRegistry,
  type MetricSource,
  type SeriesSource,
} from "./metric-registry.ts";
import type { ServiceLabels } from "./request-metrics.ts";

/** What the durations are exported as. */
export const ROUTE_DURATIONS = "tulle_route_request_duration_seconds";
/** Of seconds. Fewer than a request's: there is a histogram for each route and backend. */
export const ROUTE_DURATION_BOUNDS: readonly number[] = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];

/** By the first digit of the status. */
const CLASSES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;
/** A status of gRPC other than OK, which comes with 200. */
const GRPC_ERROR = "grpc_error";
const GRPC_ERROR_AT = CLASSES.length;

export interface RouteLabels {
  /** Of the backend. */
  readonly service: ServiceLabels;
  /** As access logs have it. */
  readonly route: string;
  /** The cluster, or `none` for answers of the proxy's own. */
  readonly backend: string;
}

export class RouteMetrics {
  readonly requests: MetricSource<Counter>;
  readonly durations: MetricSource<Histogram>;

  constructor(registry: MetricRegistry) {
    this.requests = registry.counter(
      "tulle_route_requests_total",
      "Requests of this proxy's app, by the route and the backend that were chosen, and by result.",
      EXPIRES,
    );
    this.durations = registry.histogram(
      ROUTE_DURATIONS,
      "How long requests took, by the route and the backend that were chosen.",
      ROUTE_DURATION_BOUNDS,
      EXPIRES,
    );
  }

  series(labels: RouteLabels): RouteSeries {
    return new RouteSeries(labels, this.requests, this.durations);
  }
}

/** Of one route and backend. */
export class RouteSeries {
  readonly backend: string;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #source: SeriesSource<Counter>;
  readonly #durations: SeriesSource<Histogram>;
  readonly #requests: (Counter | undefined)[] = Array.from(
    { length: GRPC_ERROR_AT + 1 },
    () => undefined,
  );
  #duration: Histogram;
  /** Another backend of the route. */
  next: RouteSeries | undefined;

  constructor(
    { service, route, backend }: RouteLabels,
    source: SeriesSource<Counter>,
    durations: SeriesSource<Histogram>,
  ) {
    this.backend = backend;
    this.#labels = {
      destination_service_name: service.name,
      destination_service_namespace: service.namespace,
      route,
      backend: backend === "" ? "none" : backend,
    };
    this.#source = source;
    this.#durations = durations;
    this.#duration = durations.with(this.#labels);
  }

  /** `grpcStatus` is above 0 for errors of gRPC. */
  record(status: number, grpcStatus: number, durationMs: number): void {
    const at = grpcStatus > 0 && status < 300 ? GRPC_ERROR_AT : classOf(status);
    let requests = this.#requests[at];
    if (requests === undefined || requests.isExpired) {
      const name = CLASSES[at] ?? GRPC_ERROR;
      requests = this.#source.with({ ...this.#labels, response_code_class: name });
      this.#requests[at] = requests;
    }
    requests.value += 1;
    if (this.#duration.isExpired) this.#duration = this.#durations.with(this.#labels);
    this.#duration.observe(durationMs / 1000);
  }
}

/** Statuses beyond 599 are told as errors of the server, as Envoy does. */
function classOf(status: number): number {
  return Math.min(Math.floor(status / 100), CLASSES.length - 1);
}
