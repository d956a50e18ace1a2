/** Turns finished requests into metrics and access log lines. */
import type { Clock } from "../core/clock.ts";
import { METRIC_SERIES_MAX } from "../core/limits.ts";
import type { AccessLogEntry } from "../telemetry/access-log-format.ts";
import type { LineWriter } from "../telemetry/line-writer.ts";
import {
  type RequestLabels,
  type RequestMetrics,
  type RequestSeries,
  recordRequest,
  type ServiceLabels,
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
  type WorkloadLabels,
} from "../telemetry/request-metrics.ts";
import { RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import { accessLogWriter } from "./access-log-writers.ts";
import type { HttpConfig } from "./http-config.ts";
import { OutcomeSeries } from "./outcome-series.ts";
import type { RequestOutcome } from "./request-outcome.ts";

export interface OutcomeRecorderOptions {
  readonly clock: Clock;
  readonly metrics: RequestMetrics;
  /** This proxy's own workload. */
  readonly workload: WorkloadLabels;
  readonly direction: "inbound" | "outbound";
  /** Log files are shared between listeners. */
  readonly logWriters: Map<string, LineWriter>;
}

export class OutcomeRecorder {
  readonly #options: OutcomeRecorderOptions;
  /** By service and, for inbound requests, the caller's principal. Outbound ones that found an endpoint are kept there. */
  readonly #series = new WeakMap<ServiceLabels, Map<string, OutcomeSeries>>();

  constructor(options: OutcomeRecorderOptions) {
    this.#options = options;
  }

  record(outcome: RequestOutcome, config: HttpConfig): void {
    const durationMs = this.#options.clock.monotonicMs() - outcome.startMs;
    const { requestBytes, responseBytes } = outcome.wire;
    recordRequest(this.#seriesOf(outcome), durationMs, requestBytes, responseBytes);
    if (config.accessLogs.length > 0) this.#log(outcome, config, durationMs);
  }

  #seriesOf(outcome: RequestOutcome): RequestSeries {
    const isInbound = this.#options.direction === "inbound";
    const principal = isInbound ? outcome.connection.peerPrincipal : "";
    let outcomes = isInbound ? undefined : outcome.endpoint?.outcomes;
    outcomes ??= this.#outcomesOf(outcome.service ?? UNKNOWN_SERVICE, principal);
    const known = outcomes.get(outcome.status, outcome.flag, outcome.grpcResult);
    if (known !== undefined) return known;
    const series = this.#options.metrics.series(
      isInbound ? this.#inboundLabels(outcome, principal) : this.#outboundLabels(outcome),
    );
    outcomes.set(outcome.status, outcome.flag, outcome.grpcResult, series);
    return series;
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
      // Peers choose their names within the mesh: what comes after the bound is looked up each time (T30).
      if (byPrincipal.size < METRIC_SERIES_MAX) byPrincipal.set(principal, outcomes);
    }
    return outcomes;
  }

  #outboundLabels(outcome: RequestOutcome): RequestLabels {
    return {
      reporter: "source",
      source: this.#options.workload,
      destination: outcome.endpoint?.info.workload ?? UNKNOWN_WORKLOAD,
      service: outcome.service ?? UNKNOWN_SERVICE,
      ...resultLabels(outcome),
      // Istio's rule: only the server's side knows.
      securityPolicy: "unknown",
    };
  }

  #inboundLabels(outcome: RequestOutcome, principal: string): RequestLabels {
    return {
      reporter: "destination",
      source: workloadOfPrincipal(principal),
      // Only mutual TLS proves to the caller who we are.
      destination:
        principal === ""
          ? { ...this.#options.workload, principal: UNKNOWN_WORKLOAD.principal }
          : this.#options.workload,
      service: outcome.service ?? UNKNOWN_SERVICE,
      ...resultLabels(outcome),
      securityPolicy: principal === "" ? "none" : "mutual_tls",
    };
  }

  #log(outcome: RequestOutcome, config: HttpConfig, durationMs: number): void {
    const { clock, logWriters } = this.#options;
    const entry = entryOf(outcome, durationMs, clock.nowMs());
    for (const log of config.accessLogs) {
      accessLogWriter(logWriters, log.path, clock).write(log.format(entry));
    }
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

function entryOf(outcome: RequestOutcome, durationMs: number, nowMs: number): AccessLogEntry {
  const { connection } = outcome;
  const { requestBytes, responseBytes } = outcome.wire;
  return {
    startTimeMs: nowMs - durationMs,
    method: outcome.method,
    path: outcome.target,
    protocol: outcome.protocol,
    responseCode: outcome.status,
    responseFlags: RESPONSE_FLAGS[outcome.flag] ?? "-",
    responseCodeDetails: outcome.details,
    bytesReceived: requestBytes,
    bytesSent: responseBytes,
    durationMs,
    upstreamServiceTimeMs: outcome.upstreamTimeMs < 0 ? undefined : outcome.upstreamTimeMs,
    routeName: outcome.routeName || undefined,
    authority: outcome.authority || undefined,
    upstreamHost: outcome.endpoint?.key,
    upstreamCluster: outcome.clusterName || undefined,
    upstreamFailureReason: outcome.failureReason || undefined,
    downstreamLocalAddress: `${connection.localAddress}:${connection.localPort}`,
    downstreamRemoteAddress: clientText(outcome),
    requestedServerName: connection.serverName || undefined,
    peerPrincipal: connection.peerPrincipal || undefined,
    attempts: outcome.attempts,
    grpcStatus: outcome.grpcResult < 0 ? undefined : outcome.grpcResult,
    requestHeader: (name) => outcome.headers?.get(name),
  };
}

/** As in Envoy, what a proxy in front has told has no port. */
function clientText({ clientAddress, connection }: RequestOutcome): string {
  const { remoteAddress, remotePort } = connection;
  const isForwarded = clientAddress !== "" && clientAddress !== remoteAddress;
  return isForwarded ? `${clientAddress}:0` : `${remoteAddress}:${remotePort}`;
}
