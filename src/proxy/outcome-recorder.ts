/** Turns finished exchanges into metrics and access log lines. */
import type { Clock } from "../core/clock.ts";
import { type AccessLogEntry } from "../telemetry/access-log-format.ts";
import { LineWriter } from "../telemetry/line-writer.ts";
import {
  recordRequest,
  type RequestLabels,
  type RequestMetrics,
  type RequestSeries,
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
  type WorkloadLabels,
} from "../telemetry/request-metrics.ts";
import { RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import type { Exchange } from "./exchange.ts";
import type { HttpConfig } from "./http-config.ts";
import { OutcomeSeries } from "./outcome-series.ts";

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
  /** Inbound requests by the caller's principal, and outbound ones that found no endpoint under "". */
  readonly #seriesByPrincipal = new Map<string, OutcomeSeries>();

  constructor(options: OutcomeRecorderOptions) {
    this.#options = options;
  }

  record(exchange: Exchange, config: HttpConfig): void {
    const durationMs = this.#options.clock.monotonicMs() - exchange.startMs;
    const { requestBytes, responseBytes } = exchange.downstream;
    recordRequest(this.#seriesOf(exchange), durationMs, requestBytes, responseBytes);
    if (config.accessLogs.length > 0) this.#log(exchange, config, durationMs);
  }

  #seriesOf(exchange: Exchange): RequestSeries {
    const isInbound = this.#options.direction === "inbound";
    const principal = isInbound ? exchange.downstream.connection.peerPrincipal : "";
    let outcomes = isInbound ? undefined : exchange.endpoint?.outcomes;
    if (outcomes === undefined) {
      outcomes = this.#seriesByPrincipal.get(principal);
      if (outcomes === undefined) {
        outcomes = new OutcomeSeries();
        this.#seriesByPrincipal.set(principal, outcomes);
      }
    }
    const known = outcomes.get(exchange.status, exchange.flag);
    if (known !== undefined) return known;
    const series = this.#options.metrics.series(
      isInbound ? this.#inboundLabels(exchange, principal) : this.#outboundLabels(exchange),
    );
    outcomes.set(exchange.status, exchange.flag, series);
    return series;
  }

  #outboundLabels(exchange: Exchange): RequestLabels {
    return {
      reporter: "source",
      source: this.#options.workload,
      destination: exchange.endpoint?.info.workload ?? UNKNOWN_WORKLOAD,
      service: exchange.service ?? UNKNOWN_SERVICE,
      protocol: "http",
      responseCode: exchange.status,
      responseFlags: RESPONSE_FLAGS[exchange.flag] ?? "-",
      // Istio's rule: only the server's side knows.
      securityPolicy: "unknown",
    };
  }

  #inboundLabels(exchange: Exchange, principal: string): RequestLabels {
    return {
      reporter: "destination",
      source: workloadOfPrincipal(principal),
      destination: this.#options.workload,
      service: exchange.service ?? UNKNOWN_SERVICE,
      protocol: "http",
      responseCode: exchange.status,
      responseFlags: RESPONSE_FLAGS[exchange.flag] ?? "-",
      securityPolicy: principal === "" ? "none" : "mutual_tls",
    };
  }

  #log(exchange: Exchange, config: HttpConfig, durationMs: number): void {
    const entry = entryOf(exchange, durationMs, this.#options.clock.nowMs());
    for (const log of config.accessLogs) this.#writerFor(log.path).write(log.format(entry));
  }

  #writerFor(path: string): LineWriter {
    const writers = this.#options.logWriters;
    let writer = writers.get(path);
    if (writer === undefined) {
      writer = new LineWriter(path, this.#options.clock);
      writers.set(path, writer);
    }
    return writer;
  }
}

/** Namespace and service account stand in the principal; what runs under it is named after the account. */
export function workloadOfPrincipal(principal: string): WorkloadLabels {
  const match = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal);
  if (match === null) return principal === "" ? UNKNOWN_WORKLOAD : { ...UNKNOWN_WORKLOAD, principal };
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

function entryOf(exchange: Exchange, durationMs: number, nowMs: number): AccessLogEntry {
  const { connection, requestBytes, responseBytes } = exchange.downstream;
  return {
    startTimeMs: nowMs - durationMs,
    method: exchange.method,
    path: exchange.originalTarget,
    protocol: "HTTP/1.1",
    responseCode: exchange.status,
    responseFlags: RESPONSE_FLAGS[exchange.flag] ?? "-",
    responseCodeDetails: exchange.details,
    bytesReceived: requestBytes,
    bytesSent: responseBytes,
    durationMs,
    upstreamServiceTimeMs: exchange.upstreamTimeMs < 0 ? undefined : exchange.upstreamTimeMs,
    routeName: exchange.routeName || undefined,
    authority: exchange.authority || undefined,
    upstreamHost: exchange.endpoint?.key,
    upstreamCluster: exchange.clusterName || undefined,
    upstreamFailureReason: exchange.failureReason || undefined,
    downstreamLocalAddress: `${connection.localAddress}:${connection.localPort}`,
    downstreamRemoteAddress: `${connection.remoteAddress}:${connection.remotePort}`,
    requestedServerName: connection.serverName || undefined,
    peerPrincipal: connection.peerPrincipal || undefined,
    attempts: exchange.attempts,
    requestHeader: (name) => exchange.header(name),
  };
}
