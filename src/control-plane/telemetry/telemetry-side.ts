/**
 * Everything about telemetry, wired together: what receives it, the store that answers questions about it, and whoever else
 * is told. Traffic, configuration and identity go on without it.
 */
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { TELEMETRY_RETENTION_MS, TELEMETRY_STORE_BYTES_MAX } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { ListenAddress } from "../listen-address.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import { MeshEvents, type MeshEventsOptions } from "./mesh-events.ts";
import { OtlpHttpListener } from "./otlp-http-listener.ts";
import { createReceiverMetrics, type ReceiverMetrics } from "./receiver-metrics.ts";
import {
  type TelemetryListener,
  type TelemetryQuestions,
  TelemetryStore,
} from "./store/telemetry-store.ts";
import type { TrafficAnswer, TrafficQuery } from "./store/traffic-read.ts";
import { type MetricsSink, TelemetryIntake } from "./telemetry-intake.ts";
import type { TelemetrySink } from "./telemetry-record.ts";

export interface TelemetrySideOptions {
  /** The store's file. */
  readonly path: string;
  /** Where apps send by OTLP/HTTP; undefined: nowhere. */
  readonly otlpAddress?: ListenAddress | undefined;
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
  /** What is wrong with the store; undefined when all is well. */
  readonly problem: string | undefined;
}

export class TelemetrySide implements TelemetryReader {
  readonly #options: TelemetrySideOptions;
  readonly store: TelemetryStore;
  readonly metrics: ReceiverMetrics;
  /** Who is told of spans and records; the store first. Added to before anything starts. */
  readonly sinks: TelemetrySink[];
  /** Who is told of figures; the store first, which decides whether there is room. */
  readonly figures: MetricsSink[];
  #intake: TelemetryIntake | undefined;
  #listener: OtlpHttpListener | undefined;

  constructor(options: TelemetrySideOptions) {
    this.#options = options;
    const { registry, clock, log } = options;
    this.metrics = createReceiverMetrics(registry);
    this.store = new TelemetryStore({
      settings: {
        path: options.path,
        retentionMs: options.retentionMs ?? TELEMETRY_RETENTION_MS,
        sizeBytesMax: options.storeBytesMax ?? TELEMETRY_STORE_BYTES_MAX,
      },
      ...{ metrics: this.metrics, clock, log: log.child("telemetry") },
    });
    this.sinks = [this.store];
    this.figures = [this.store];
  }

  /** What the ports hand to. Made once, when it is known which proxies there are. */
  createIntake(mesh: { readonly proxies: Pick<ProxyDirectory, "find"> }): TelemetryIntake {
    const { clock, otlpAddress, log } = this.#options;
    const { sinks, figures, metrics } = this;
    const intake = new TelemetryIntake({ sinks, figures, proxies: mesh.proxies, metrics, clock });
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
    return this.store.problem;
  }

  traffic(query: TrafficQuery): Promise<TrafficAnswer> {
    return this.store.ask("traffic", query);
  }

  listen(listener: TelemetryListener): () => void {
    return this.store.listen(listener);
  }

  knownFromMs(): number {
    return this.store.knownFromMs;
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
    return this.#listener === undefined ? [] : [this.#listener];
  }
}
