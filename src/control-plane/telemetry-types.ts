/**
 * The telemetry part of the admin API, in JSON, which the CLI and the dashboard share; types only, no imports. All are
 * GET under `/api/v1/telemetry` unless said. Common query of those with a window: `since` (`15m`, the default) or `from` and
 * `to` (ISO 8601), `namespace`, `service`. Latencies are milliseconds, shares 0 to 1. Rates are per
 * second over the part of the window that is known: what was before the mesh or its store began, and what is still to come, is
 * not in them. A figure that is not known is null, never 0: no request, no latency.
 */

export interface TelemetryWindow {
  readonly from: string;
  readonly to: string;
  /** Of series in it, in seconds. */
  readonly stepSeconds: number;
}

export interface ServiceRef {
  readonly namespace: string;
  /** The Service's name; a workload's where it has none; `unknown` for callers outside. */
  readonly name: string;
}

/** `failing`: a tenth of requests or more ends in errors, or no instance is healthy. `degraded`: one in a thousand, or an instance is not. */
export type HealthState = "healthy" | "degraded" | "failing" | "idle" | "unknown";

export interface LatencyFigures {
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface TrafficFigures {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** HTTP 5xx and no answer; for gRPC every status but 0. */
  readonly errors: number;
  /** Null without a request. */
  readonly errorRate: number | null;
  readonly latency: LatencyFigures;
  readonly tcp: TcpFigures;
}

export interface TcpFigures {
  readonly opened: number;
  readonly closed: number;
  readonly sentBytesPerSecond: number;
  readonly receivedBytesPerSecond: number;
}

// ---- overview: /overview ----

export interface OverviewResponse {
  readonly window: TelemetryWindow;
  readonly mesh: string;
  readonly revision: number;
  /** One sentence for people: "1 of 6 services fails". */
  readonly summary: string;
  readonly services: {
    readonly total: number;
    readonly healthy: number;
    readonly degraded: number;
    readonly failing: number;
    readonly idle: number;
  };
  readonly traffic: TrafficFigures;
  readonly spark: Spark;
  /** The worst first. */
  readonly problems: readonly Problem[];
  readonly proxies: {
    readonly connected: number;
    readonly stale: number;
    readonly refusing: number;
  };
  readonly nextCertificateExpiry: string | null;
  readonly mtlsShare: number | null;
}

export interface Problem {
  readonly severity: "error" | "warning" | "info";
  /** `failing-service`, `refusing-proxy`, `expiring-certificate`, `finding`, `rollout-paused`, `no-propagation` … */
  readonly code: string;
  readonly service: ServiceRef | null;
  readonly message: string;
  /** What to do next; a command of the CLI where there is one. */
  readonly hint: string | null;
  /** Where the dashboard shows it: a path such as `/services/default/payment`. */
  readonly view: string | null;
}

/** Values at each step of the window, the oldest first; null where nothing was measured. */
export interface Spark {
  readonly requestsPerSecond: readonly (number | null)[];
  readonly errorRate: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p90: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

// ---- services: /services, /services/{namespace}/{name} ----

export interface ServiceTraffic {
  readonly service: ServiceRef;
  readonly host: string;
  readonly health: HealthState;
  /** Why, where it is not healthy. */
  readonly healthReason: string | null;
  readonly instances: {
    readonly total: number;
    readonly healthy: number;
    readonly ejected: number;
  };
  /** Of requests to it, by its own sidecars, and those that callers' could not bring to it; by callers' where it has none. */
  readonly inbound: TrafficFigures;
  readonly spark: Spark;
  readonly resources: ResourceFigures;
  readonly resourceSpark: ResourceSpark;
}

/** Of all instances of a service together. Null where nobody tells. */
export interface ResourceFigures {
  readonly appCpuCores: number | null;
  readonly appMemoryBytes: number | null;
  readonly sidecarCpuCores: number | null;
  readonly sidecarMemoryBytes: number | null;
}

/** At each step of the window, of the instances that there are now together; null where none of them told. */
export interface ResourceSpark {
  readonly appCpuCores: readonly (number | null)[];
  readonly appMemoryBytes: readonly (number | null)[];
  readonly sidecarCpuCores: readonly (number | null)[];
  readonly sidecarMemoryBytes: readonly (number | null)[];
}

export interface ServicesResponse {
  readonly window: TelemetryWindow;
  readonly services: readonly ServiceTraffic[];
}

export interface ServiceDetailResponse {
  readonly window: TelemetryWindow;
  readonly service: ServiceTraffic;
  readonly outbound: TrafficFigures;
  readonly instances: readonly InstanceTraffic[];
  readonly callers: readonly EdgeTraffic[];
  readonly callees: readonly EdgeTraffic[];
  readonly versions: readonly {
    readonly version: string;
    readonly share: number;
    readonly traffic: TrafficFigures;
  }[];
}

export interface InstanceTraffic {
  /** The proxy's node id. */
  readonly name: string;
  readonly zone: string;
  readonly version: string;
  readonly health: string;
  readonly isEjected: boolean;
  readonly traffic: TrafficFigures;
  readonly resources: ResourceFigures;
  readonly uptimeSeconds: number | null;
}

// ---- series: /series?service=&namespace=[&source=NS/NAME][&version=][&reporter=source|destination] ----

export interface SeriesResponse {
  readonly window: TelemetryWindow;
  /** Of each step its beginning, ISO 8601. */
  readonly times: readonly string[];
  readonly requestsPerSecond: readonly (number | null)[];
  readonly errorsPerSecond: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p90: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  /** Counts of requests by latency: `counts[step][bucket]`, one bucket more than bounds. */
  readonly heatmap: {
    readonly boundsMs: readonly number[];
    readonly counts: readonly (readonly number[])[];
  };
  readonly exemplars: readonly SeriesExemplar[];
  /** Changes of configuration and other events in the window, to lay over it. */
  readonly events: readonly MeshEvent[];
}

export interface SeriesExemplar {
  readonly at: string;
  readonly latencyMs: number;
  readonly traceId: string;
}

// ---- edges: /edges ----

export interface EdgeTraffic {
  readonly source: ServiceRef;
  readonly destination: ServiceRef;
  readonly sourcePrincipal: string | null;
  readonly destinationPrincipal: string | null;
  readonly protocol: "http" | "grpc" | "tcp";
  /** `mixed`: some connections prove who calls and some do not. */
  readonly security: "mutual_tls" | "none" | "mixed" | "unknown";
  readonly traffic: TrafficFigures;
}

export interface EdgesResponse {
  readonly window: TelemetryWindow;
  readonly edges: readonly EdgeTraffic[];
}

// ---- routes: /routes ----

export interface RouteTraffic {
  readonly service: ServiceRef;
  /** The route object, `default/catalog-split`, or `default` for what no object says. */
  readonly route: string;
  /** As requests count it: rule and match; the name that access logs have. */
  readonly name: string;
  /** For people: `GET /items, header x-beta=1`. */
  readonly matches: readonly string[];
  readonly backends: readonly {
    readonly backend: string;
    readonly configuredShare: number;
    /** Null without a request. */
    readonly observedShare: number | null;
    readonly traffic: TrafficFigures;
  }[];
  readonly traffic: TrafficFigures;
}

export interface RoutesResponse {
  readonly window: TelemetryWindow;
  /** Per service in the order in which they are tried. */
  readonly routes: readonly RouteTraffic[];
}

// ---- errors: /errors ----

export interface ErrorGroup {
  readonly service: ServiceRef;
  readonly source: ServiceRef | null;
  readonly responseCode: number;
  readonly grpcStatus: number | null;
  readonly flag: string;
  /** What the flag means and what to look at. */
  readonly explanation: string | null;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly traceIds: readonly string[];
}

export interface ErrorsResponse {
  readonly window: TelemetryWindow;
  /** The most frequent first. */
  readonly groups: readonly ErrorGroup[];
}

// ---- logs: /logs?status=5xx|503|0&minDurationMs=&flag=&traceId=&requestId=&text=&method=&path=PREFIX&source=NS/NAME&destination=NS/NAME&limit=100&before=CURSOR;
// /logs/follow is the same as server-sent events. `service`: from or to it. ----

export interface AccessLogView {
  readonly time: string;
  readonly reporter: "source" | "destination";
  readonly source: ServiceRef;
  readonly destination: ServiceRef;
  readonly instance: string;
  readonly method: string | null;
  readonly path: string | null;
  readonly authority: string | null;
  readonly protocol: string | null;
  /** 0 without an answer. */
  readonly responseCode: number;
  readonly grpcStatus: number | null;
  readonly flags: string;
  readonly details: string | null;
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly attempts: number;
  readonly route: string | null;
  readonly upstreamHost: string | null;
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly spanId: string | null;
  /** Chosen headers and parts of bodies, where a TelemetryPolicy asks for them. */
  readonly captured: Readonly<Record<string, string>>;
}

export interface LogsResponse {
  readonly window: TelemetryWindow;
  /** The newest first. */
  readonly logs: readonly AccessLogView[];
  /** For `before`; null at the end. */
  readonly next: string | null;
}

// ---- traces: /traces?minDurationMs=&error=true&operation=&limit=, /traces/{id} ----

export interface TraceSummary {
  readonly traceId: string;
  readonly root: { readonly service: ServiceRef; readonly name: string };
  readonly startTime: string;
  readonly durationMs: number;
  readonly spans: number;
  readonly services: readonly string[];
  readonly hasError: boolean;
}

export interface TracesResponse {
  readonly window: TelemetryWindow;
  readonly traces: readonly TraceSummary[];
}

export interface SpanView {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly service: ServiceRef;
  readonly instance: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly startTime: string;
  /** From the beginning of the trace. */
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly isError: boolean;
  readonly statusMessage: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly events: readonly {
    readonly name: string;
    readonly offsetMs: number;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
}

export interface TraceResponse {
  readonly traceId: string;
  readonly summary: TraceSummary;
  /** Parents before children, siblings by start. */
  readonly spans: readonly SpanView[];
  /** Of the same trace id. */
  readonly logs: readonly AccessLogView[];
  /** "cart does not pass on trace context" and the like. */
  readonly hints: readonly string[];
}

// ---- events: /events?type=&limit=; /events/follow is the same as server-sent events ----

export interface MeshEvent {
  readonly time: string;
  readonly severity: "error" | "warning" | "info";
  /** `config`, `instance`, `ejection`, `certificate`, `security`, `rollout`, `proxy`, `control-plane`. */
  readonly type: string;
  readonly subject: string;
  readonly message: string;
  readonly revision: number | null;
  readonly actor: string | null;
}

export interface EventsResponse {
  readonly window: TelemetryWindow;
  readonly events: readonly MeshEvent[];
}

// ---- security: /security ----

export interface AccessPair {
  readonly source: ServiceRef;
  readonly destination: ServiceRef;
  /** By the policies in force; `conditional` where it depends on the request. */
  readonly allowed: "yes" | "no" | "conditional";
  readonly policy: string | null;
  readonly requests: number;
  readonly denied: number;
  readonly security: EdgeTraffic["security"];
}

export interface CertificateFigures {
  readonly instance: string;
  readonly principal: string;
  readonly serial: string;
  readonly notAfter: string;
  readonly daysLeft: number;
}

export interface SecurityResponse {
  readonly window: TelemetryWindow;
  readonly pairs: readonly AccessPair[];
  /** Share of requests whose caller was proven. */
  readonly mtlsShare: number | null;
  readonly certificates: readonly CertificateFigures[];
  readonly roots: readonly {
    readonly id: string;
    readonly notAfter: string;
    readonly daysLeft: number;
    readonly state: string;
  }[];
}

// ---- proxies: /proxies ----

export interface ProxyFigures {
  readonly name: string;
  readonly service: ServiceRef;
  readonly version: string;
  readonly isConnected: boolean;
  /** Of the configuration that it runs, and how old what it lacks is. */
  readonly revision: number | null;
  readonly staleSeconds: number | null;
  readonly refusal: string | null;
  readonly cpuCores: number | null;
  readonly memoryBytes: number | null;
  readonly eventLoopLagMs: number | null;
  readonly lastTelemetry: string | null;
}

export interface ProxiesTelemetryResponse {
  readonly window: TelemetryWindow;
  readonly proxies: readonly ProxyFigures[];
}

// ---- tap: GET /tap as server-sent events `request`; filters of /logs without those of text and ids, `maxPerSecond` (100), and `show=NAME,NAME`: headers to tell ----

export interface TapEvent extends AccessLogView {
  /** Chosen by the caller, redacted unless an administrator allows them. */
  readonly requestHeaders: readonly (readonly [string, string])[];
  readonly responseHeaders: readonly (readonly [string, string])[];
}
