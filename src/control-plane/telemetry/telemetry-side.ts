/**
 * Everything about telemetry, wired together: what receives it, the store that answers questions about it, and whoever else
 * is told. Traffic, configuration and identity go on without it.
 */
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { newRequestId } from "../../telemetry/request-id.ts";
import type { ListenAddress } from "../listen-address.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import { TELEMETRY_RETENTION_MS, TELEMETRY_STORE_BYTES_MAX } from "./limits.ts";
import { MeshEvents, type MeshEventsOptions } from "./mesh-events.ts";
import { OtlpHttpListener } from "./otlp-http-listener.ts";
import { PrometheusTraffic } from "./prometheus/prometheus-traffic.ts";
import { createReceiverMetrics, type ReceiverMetrics } from "./receiver-metrics.ts";
import {
  type TelemetryListener,
  type TelemetryQuestions,
  TelemetryStore,
} from "./store/telemetry-store.ts";
import type { TrafficAnswer, TrafficQuery } from "./store/traffic-read.ts";
import { Taps } from "./tap/taps.ts";
import { type MetricsSink, TelemetryIntake } from "./telemetry-intake.ts";
import type { TelemetrySink } from "./telemetry-record.ts";

export interface TelemetrySideOptions {
  /** The store's file. */
  readonly path: string;
  /** Where apps send by OTLP/HTTP; undefined: nowhere. */
  readonly otlpAddress?: ListenAddress | undefined;
  /** Where figures of traffic are read from; undefined: from the store. */
  readonly prometheus?: URL | undefined;
  readonly retentionMs?: number | undefined;
  readonly storeBytesMax?: number | undefined;
  readonly registry: MetricRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What views of telemetry are made of. */
export interface TelemetryReader {
  /** Figures of traffic: from the store, or from Prometheus. */
  traffic(query: TrafficQuery): Promise<TrafficAnswer>;
  /** Everything else, which only the store has. */
  readonly questions: TelemetryQuestions;
  /** Hears what comes as it comes. Gives a function that ends it. */
  listen(listener: TelemetryListener): () => void;
  /** Since when figures are kept, milliseconds. */
  knownFromMs(): number;
  readonly taps: Pick<Taps, "open">;
  /** What is wrong with the store; undefined when all is well. */
  readonly problem: string | undefined;
}

export class TelemetrySide implements TelemetryReader {
  readonly #options: TelemetrySideOptions;
  readonly store: TelemetryStore;
  readonly metrics: ReceiverMetrics;
  readonly taps: Taps;
  /** Who is told of spans and records; the store first. Added to before anything starts. */
  readonly sinks: TelemetrySink[];
  /** Who is told of figures; the store first, which decides whether there is room. */
  readonly figures: MetricsSink[];
  #intake: TelemetryIntake | undefined;
  #listener: OtlpHttpListener | undefined;
  readonly #prometheus: PrometheusTraffic | undefined;
  #prometheusProblem: string | undefined;
  readonly #stopping = new AbortController();

  constructor(options: TelemetrySideOptions) {
    this.#options = options;
    const { registry, clock, log } = options;
    this.metrics = createReceiverMetrics(registry);
    this.taps = new Taps({ clock, registry, run: newRequestId() });
    this.store = new TelemetryStore({
      settings: {
        path: options.path,
        retentionMs: options.retentionMs ?? TELEMETRY_RETENTION_MS,
        sizeBytesMax: options.storeBytesMax ?? TELEMETRY_STORE_BYTES_MAX,
      },
      ...{ metrics: this.metrics, clock, log: log.child("telemetry") },
    });
    this.#prometheus =
      options.prometheus &&
      new PrometheusTraffic({
        url: options.prometheus,
        clock,
        signal: this.#stopping.signal,
      });
    this.sinks = [this.store];
    this.figures = [this.store];
  }

  /** What the ports hand to. Made once, when it is known which proxies there are. */
  createIntake(mesh: { readonly proxies: Pick<ProxyDirectory, "find"> }): TelemetryIntake {
    const { clock, otlpAddress, log } = this.#options;
    const { sinks, figures, metrics, taps } = this;
    const intake = new TelemetryIntake({
      ...{ sinks, figures, taps, metrics, clock },
      proxies: mesh.proxies,
    });
    this.#intake = intake;
    if (otlpAddress !== undefined) {
      this.#listener = new OtlpHttpListener({ address: otlpAddress, intake, log });
    }
    return intake;
  }

  /** Only after `createIntake`. */
  get intake(): TelemetryIntake | undefined {
    return this.#intake;
  }

  /** `host:port` of OTLP/HTTP; empty when it is off. */
  get otlpAddress(): string {
    return this.#listener?.address ?? "";
  }

  get questions(): TelemetryQuestions {
    return this.store;
  }

  get problem(): string | undefined {
    return this.#prometheusProblem ?? this.store.problem;
  }

  /** What Prometheus does not answer, the store does. */
  async traffic(query: TrafficQuery): Promise<TrafficAnswer> {
    if (this.#prometheus === undefined) return await this.store.ask("traffic", query);
    try {
      const answer = await this.#prometheus.traffic(query);
      this.#prometheusProblem = undefined;
      return answer;
    } catch (error) {
      const host = this.#options.prometheus?.host ?? "";
      this.#prometheusProblem = `figures are the control plane's own: Prometheus at ${host} does not answer (${messageOf(error)})`;
      return await this.store.ask("traffic", query);
    }
  }

  listen(listener: TelemetryListener): () => void {
    return this.store.listen(listener);
  }

  knownFromMs(): number {
    // How far back Prometheus knows is not asked: what it has no sample of is none.
    return this.#prometheus === undefined ? this.store.knownFromMs : 0;
  }

  /** To be started before the proxies' side. */
  get components(): readonly Component[] {
    return [this.store];
  }

  /** Tells the store what happens in the mesh. To be started when the mesh's state is there. */
  watch(mesh: Omit<MeshEventsOptions, "clock" | "log" | "store">): MeshEvents {
    const { clock, log } = this.#options;
    return new MeshEvents({ ...mesh, store: this.store, clock, log: log.child("events") });
  }

  /** To be started last. */
  get listeners(): readonly Component[] {
    const ending: Component = {
      name: "telemetry questions",
      start: () => Promise.resolve(),
      stop: () => {
        this.#stopping.abort();
        return Promise.resolve();
      },
    };
    return [...(this.#listener === undefined ? [] : [this.#listener]), ending];
  }
}
