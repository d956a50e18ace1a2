/** Turns TCP connections into metrics and access log lines. */
import type { Clock } from "../core/clock.ts";
import { METRIC_SERIES_MAX } from "../core/limits.ts";
import {
  UNKNOWN_SERVICE,
  UNKNOWN_WORKLOAD,
  type WorkloadLabels,
} from "../telemetry/request-metrics.ts";
import { type MetricSettings, PLAIN_METRICS } from "../telemetry/request-metrics-settings.ts";
import { FLAG, RESPONSE_FLAGS } from "../telemetry/response-flag.ts";
import type { TcpLabels, TcpMetrics, TcpSeries } from "../telemetry/tcp-metrics.ts";
import type { AccessLogHub } from "./access-log/access-log-hub.ts";
import { TcpLogEntry } from "./access-log/tcp-log-entry.ts";
import type { TcpProxyConfig } from "./config/tcp-proxy-config.ts";
import { workloadOfPrincipal } from "./outcome-recorder.ts";
import type { TapSet } from "./tap/tap-set.ts";
import type { TcpOutcome } from "./tcp-outcome.ts";

export interface TcpRecorderOptions {
  readonly clock: Clock;
  readonly metrics: TcpMetrics;
  readonly workload: WorkloadLabels;
  readonly direction: "inbound" | "outbound";
  readonly logs: AccessLogHub;
  readonly taps: TapSet;
}

export class TcpRecorder {
  readonly #options: TcpRecorderOptions;
  /** By the object that stands for an endpoint's workload, then by who calls. */
  readonly #series = new WeakMap<object, Map<string, TcpSeries>>();
  #settings = PLAIN_METRICS;

  constructor(options: TcpRecorderOptions) {
    this.#options = options;
  }

  /** The upstream is connected: counts it, and returns what its bytes are counted by. */
  open(outcome: TcpOutcome): TcpSeries {
    const series = this.#seriesOf(outcome);
    series.opened.value += 1;
    outcome.series = series;
    hold(series, 1);
    return series;
  }

  close(outcome: TcpOutcome, config: TcpProxyConfig): void {
    if (outcome.series !== undefined) hold(outcome.series, -1);
    const series = this.#seriesOf(outcome);
    if (outcome.flag !== FLAG.none) series.opened.value += 1;
    series.closed.value += 1;
    this.#log(outcome, config);
  }

  /** One that a limit closed: it was never opened. */
  refuse(outcome: TcpOutcome, config: TcpProxyConfig): void {
    this.#log(outcome, config);
  }

  #log(outcome: TcpOutcome, config: TcpProxyConfig): void {
    const { clock, logs, taps, direction } = this.#options;
    const tapped = direction === "outbound" ? taps.outbound : taps.inbound;
    if (config.accessLogs.length === 0 && tapped.length === 0) return;
    const durationMs = clock.monotonicMs() - outcome.startMs;
    const entry = new TcpLogEntry(outcome, durationMs, clock.nowMs());
    logs.write(config.accessLogs, entry);
    logs.write(tapped, entry);
  }

  /** What is told from now on, and under which labels. */
  useMetrics(settings: MetricSettings): void {
    this.#settings = settings;
  }

  #seriesOf(outcome: TcpOutcome): TcpSeries {
    const { metrics, direction } = this.#options;
    const isInbound = direction === "inbound";
    const principal = isInbound ? outcome.connection.peerPrincipal : "";
    const labels = (): TcpLabels =>
      isInbound ? this.#inboundLabels(outcome, principal) : this.#outboundLabels(outcome);
    const holder = outcome.endpoint?.outcomes;
    if (holder === undefined || outcome.flag !== FLAG.none)
      return metrics.series(labels(), this.#settings);
    let byPrincipal = this.#series.get(holder);
    if (byPrincipal === undefined) {
      byPrincipal = new Map();
      this.#series.set(holder, byPrincipal);
    }
    const known = byPrincipal.get(principal);
    if (known !== undefined && !known.closed.isExpired && !known.opened.isExpired) return known;
    const series = metrics.series(labels(), this.#settings);
    // Peers choose their names within the mesh: what comes after the bound is looked up each time (T30).
    if (byPrincipal.size < METRIC_SERIES_MAX) byPrincipal.set(principal, series);
    return series;
  }

  #outboundLabels(outcome: TcpOutcome): TcpLabels {
    return {
      reporter: "source",
      source: this.#options.workload,
      destination: outcome.endpoint?.workload ?? UNKNOWN_WORKLOAD,
      service: outcome.service ?? UNKNOWN_SERVICE,
      responseFlags: RESPONSE_FLAGS[outcome.flag] ?? "-",
      // Istio's rule: only the server's side knows.
      securityPolicy: "unknown",
    };
  }

  #inboundLabels(outcome: TcpOutcome, principal: string): TcpLabels {
    const { workload } = this.#options;
    return {
      reporter: "destination",
      source: workloadOfPrincipal(principal),
      // Only mutual TLS proves to the caller who we are.
      destination:
        principal === "" ? { ...workload, principal: UNKNOWN_WORKLOAD.principal } : workload,
      service: outcome.service ?? UNKNOWN_SERVICE,
      responseFlags: RESPONSE_FLAGS[outcome.flag] ?? "-",
      securityPolicy: principal === "" ? "none" : "mutual_tls",
    };
  }
}

/** Series of connections that are open stay, however long nothing is sent. */
function hold({ opened, closed, sent, received }: TcpSeries, count: 1 | -1): void {
  for (const counter of [opened, closed, sent, received]) counter.holderCount += count;
}
