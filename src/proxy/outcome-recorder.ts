/** Turns finished requests into metrics and access log lines. */
import type { Clock } from "../core/clock.ts";
import { METRIC_SERIES_MAX } from "../core/limits.ts";
import {
  type ReportedEnds,
  type RequestLabels,
  type RequestMetrics,
  type RequestSeries,
  recordRequest,
  type ServiceLabels,
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
  type WorkloadLabels,
} from "../telemetry/request-metrics.ts";
import type { MessageMetrics, MessageSeries } from "../telemetry/request-metrics-messages.ts";
import type { RouteMetrics, RouteSeries } from "../telemetry/request-metrics-routes.ts";
import { type MetricSettings, PLAIN_METRICS } from "../telemetry/request-metrics-settings.ts";
import { RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import type { AccessLogHub } from "./access-log/access-log-hub.ts";
import { LogNeeds } from "./access-log/log-needs.ts";
import { RequestLogEntry } from "./access-log/request-log-entry.ts";
import type { HttpConfig } from "./http-config.ts";
import { OutcomeMessages } from "./outcome-messages.ts";
import { OutcomeSeries } from "./outcome-series.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import type { TapSet } from "./tap/tap-set.ts";

export interface OutcomeRecorderOptions {
  readonly clock: Clock;
  readonly metrics: RequestMetrics;
  readonly messageMetrics: MessageMetrics;
  readonly routeMetrics: RouteMetrics;
  /** This proxy's own workload. */
  readonly workload: WorkloadLabels;
  readonly direction: "inbound" | "outbound";
  readonly logs: AccessLogHub;
  readonly taps: TapSet;
}

export class OutcomeRecorder {
  readonly #options: OutcomeRecorderOptions;
  /** By service and, for inbound requests, the caller's principal. Outbound ones that found an endpoint are kept there. */
  readonly #series = new WeakMap<ServiceLabels, Map<string, OutcomeSeries>>();
  /** Made for the first request that is logged. */
  #entry: RequestLogEntry | undefined;
  /** Of the routes of the app's own requests: by name, the first of a list of backends. */
  readonly #routes = new Map<string, RouteSeries>();
  #settings = PLAIN_METRICS;
  /** Of the listener's logs and taps together, while somebody taps. */
  #bothNeeds:
    | { readonly tapped: LogNeeds; readonly own: LogNeeds; readonly sum: LogNeeds }
    | undefined;

  constructor(options: OutcomeRecorderOptions) {
    this.#options = options;
  }

  /** What is told from now on, and under which labels. Series that were made before are to be given up. */
  useMetrics(settings: MetricSettings): void {
    this.#settings = settings;
  }

  beginMessages(outcome: RequestOutcome): void {
    outcome.messages ??= new OutcomeMessages(this.#options.messageMetrics, () =>
      this.#messagesOf(outcome),
    );
    outcome.messages.begin();
  }

  /** What the listener's access logs and whoever taps want remembered of a request that begins. */
  needsOf({ logNeeds }: HttpConfig): LogNeeds | undefined {
    const { direction, taps } = this.#options;
    const tapped = direction === "outbound" ? taps.outboundNeeds : taps.inboundNeeds;
    if (tapped === undefined) return logNeeds;
    if (logNeeds === undefined) return tapped;
    let both = this.#bothNeeds;
    if (both === undefined || both.tapped !== tapped || both.own !== logNeeds) {
      both = { tapped, own: logNeeds, sum: LogNeeds.of([tapped, logNeeds]) };
      this.#bothNeeds = both;
    }
    return both.sum;
  }

  record(outcome: RequestOutcome, config: HttpConfig): void {
    const { clock, direction, logs, taps } = this.#options;
    const durationMs = clock.monotonicMs() - outcome.startMs;
    const { requestBytes, responseBytes } = outcome.wire;
    const series = this.#seriesOf(outcome);
    const bucket = recordRequest(series, durationMs, requestBytes, responseBytes);
    const { trace } = outcome;
    if (trace !== undefined && trace.traceparent !== "" && trace.context.isSampled) {
      const ms = Math.round(durationMs);
      series.duration.addExemplar(bucket, ms, trace.context.ids, clock.nowMs());
    }
    if (outcome.isGrpc) outcome.messages?.end();
    if (direction === "outbound" && outcome.routeName !== "") {
      this.#routeOf(outcome).record(outcome.status, outcome.grpcResult, durationMs);
    }
    const tapped = direction === "outbound" ? taps.outbound : taps.inbound;
    if (config.accessLogs.length > 0 || tapped.length > 0) {
      this.#entry ??= new RequestLogEntry(outcome);
      const entry = this.#entry.set(outcome, durationMs, clock.nowMs());
      logs.write(config.accessLogs, entry);
      logs.write(tapped, entry);
    }
  }

  #seriesOf(outcome: RequestOutcome): RequestSeries {
    const outcomes = this.#outcomesFor(outcome);
    const known = outcomes.get(outcome.status, outcome.flag, outcome.grpcResult);
    if (known !== undefined) return known;
    const labels = {
      ...this.#endsOf(outcome),
      ...resultLabels(outcome),
      securityPolicy: this.#securityPolicy(outcome),
    };
    const series = this.#options.metrics.series(labels, this.#settings);
    outcomes.set(outcome.status, outcome.flag, outcome.grpcResult, series);
    return series;
  }

  /** Undefined while it is not known who answers. */
  #messagesOf(outcome: RequestOutcome): MessageSeries | undefined {
    if (this.#options.direction === "outbound" && outcome.endpoint === undefined) return undefined;
    const outcomes = this.#outcomesFor(outcome);
    if (outcomes.messages === undefined || outcomes.messages.requests.isExpired) {
      outcomes.messages = this.#options.messageMetrics.series(
        this.#endsOf(outcome),
        this.#settings,
      );
    }
    return outcomes.messages;
  }

  #routeOf(outcome: RequestOutcome): RouteSeries {
    const { routeName: route, clusterName: backend } = outcome;
    const first = this.#routes.get(route);
    for (let found = first; found !== undefined; found = found.next) {
      if (found.backend === backend) return found;
    }
    const service = outcome.service ?? UNKNOWN_SERVICE;
    const series = this.#options.routeMetrics.series({ service, route, backend });
    series.next = first;
    // What configurations before have named goes with them.
    if (this.#routes.size >= METRIC_SERIES_MAX) this.#routes.clear();
    this.#routes.set(route, series);
    return series;
  }

  #outcomesFor(outcome: RequestOutcome): OutcomeSeries {
    const isInbound = this.#options.direction === "inbound";
    const outcomes = isInbound ? undefined : outcome.endpoint?.outcomes;
    if (outcomes !== undefined) return outcomes;
    const principal = isInbound ? outcome.connection.peerPrincipal : "";
    return this.#outcomesOf(outcome.service ?? UNKNOWN_SERVICE, principal);
  }

  #outcomesOf(service: ServiceLabels, principal: string): OutcomeSeries {
    let byPrincipal = this.#series.get(service);
    if (byPrincipal === undefined) {
      byPrincipal = new Map();
      this.#series.set(service, byPrincipal);
    }
    let outcomes = byPrincipal.get(principal);
    if (outcomes === undefined) {
      outcomes = new OutcomeSeries();
      // Peers choose their names within the mesh (T30): those that are still there are found anew.
      if (byPrincipal.size >= METRIC_SERIES_MAX) byPrincipal.clear();
      byPrincipal.set(principal, outcomes);
    }
    return outcomes;
  }

  #endsOf(outcome: RequestOutcome): ReportedEnds {
    const { direction, workload } = this.#options;
    const service = outcome.service ?? UNKNOWN_SERVICE;
    if (direction === "outbound") {
      const destination = outcome.endpoint?.workload ?? UNKNOWN_WORKLOAD;
      return { reporter: "source", source: workload, destination, service };
    }
    const { peerPrincipal } = outcome.connection;
    return {
      reporter: "destination",
      source: workloadOfPrincipal(peerPrincipal),
      // Only mutual TLS proves to the caller who we are.
      destination:
        peerPrincipal === "" ? { ...workload, principal: UNKNOWN_WORKLOAD.principal } : workload,
      service,
    };
  }

  /** Istio's rule: only the server's side knows. */
  #securityPolicy({ connection }: RequestOutcome): RequestLabels["securityPolicy"] {
    if (this.#options.direction === "outbound") return "unknown";
    return connection.peerPrincipal === "" ? "none" : "mutual_tls";
  }
}

/** Namespace and service account stand in the principal; what runs under it is named after the account. */
export function workloadOfPrincipal(principal: string): WorkloadLabels {
  const match = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal);
  if (match === null)
    return principal === "" ? UNKNOWN_WORKLOAD : { ...UNKNOWN_WORKLOAD, principal };
  const [, namespace = "unknown", account = "unknown"] = match;
  return {
    ...UNKNOWN_WORKLOAD,
    principal,
    namespace,
    workload: account,
    app: account,
    canonicalService: account,
  };
}

function resultLabels(
  outcome: RequestOutcome,
): Pick<RequestLabels, "protocol" | "responseCode" | "grpcStatus" | "responseFlags"> {
  return {
    protocol: outcome.isGrpc ? "grpc" : "http",
    responseCode: outcome.status,
    grpcStatus: outcome.grpcResult,
    responseFlags: RESPONSE_FLAGS[outcome.flag] ?? "-",
  };
}
