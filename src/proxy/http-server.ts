/** What the connections of one listener share: its configuration in force and the proxy's services. */
import { DOWNSTREAM_IDLE_TIMEOUT_MS, REQUEST_HEAD_TIMEOUT_MS } from "../core/limits.ts";
import type { Prng } from "../core/prng.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import type { RouteTable } from "../decision/route-table.ts";
import type { MetricSettings } from "../telemetry/request-metrics-settings.ts";
import type { LogNeeds } from "./access-log/log-needs.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import type { Cluster } from "./cluster.ts";
import { ConnectionServer } from "./connection-server.ts";
import { createFilterChain, type FilterChain } from "./filters/filter-chain.ts";
import type { FilterMetrics } from "./filters/filter-metrics.ts";
import type { BackgroundRequest, FilterServices } from "./filters/filter-services.ts";
import type { HttpConfig } from "./http-config.ts";
import type { MirrorMetrics } from "./mirror-metrics.ts";
import type { SharedRefreshes } from "./oidc/shared-refreshes.ts";
import type { OutcomeRecorder } from "./outcome-recorder.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import { Tracer } from "./tracing/tracer.ts";
import type { TracingHub } from "./tracing/tracing-hub.ts";

export interface ProxyTimers {
  /** Fine ticks, for request timeouts. */
  readonly request: TimerWheel;
  /** Coarse ticks, for idle limits of seconds and more. */
  readonly idle: TimerWheel;
}

export interface HttpServerOptions {
  readonly config: HttpConfig;
  /** Clusters by name, as they are now. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly recorder: OutcomeRecorder;
  readonly faults: CallbackFaults;
  readonly mirrorMetrics: MirrorMetrics;
  readonly filterMetrics: FilterMetrics;
  /** Sends a request of the proxy's own through this server. Returns false when there are too many. */
  readonly startBackground: (server: HttpServer, request: BackgroundRequest) => boolean;
  /** Processes that share the proxy's traffic. */
  readonly workers: number;
  readonly sharedRefreshes: SharedRefreshes | undefined;
  readonly tracing: TracingHub;
  /** Its requests are for the app beside the proxy. */
  readonly isInbound: boolean;
  /** Of the proxy. */
  readonly nodeId: string;
}

export class HttpServer extends ConnectionServer {
  #config: HttpConfig;
  readonly #filterServices: FilterServices;
  #filters: FilterChain;
  routeTable: RouteTable | undefined;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly timers: ProxyTimers;
  readonly prng: Prng;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly faults: CallbackFaults;
  readonly nodeId: string;
  readonly mirrorMetrics: MirrorMetrics;
  readonly #recorder: OutcomeRecorder;
  readonly #tracing: TracingHub;
  readonly #isInbound: boolean;
  /** Undefined where nothing is traced. */
  tracer: Tracer | undefined;

  constructor(options: HttpServerOptions) {
    super();
    this.#config = options.config;
    const { nowMs, wallMs, prng, timers, filterMetrics } = options;
    this.#filterServices = {
      nowMs,
      wallMs,
      prng,
      timers: timers.request,
      metrics: filterMetrics,
      clusters: options.clusters,
      faults: options.faults,
      workers: options.workers,
      sharedRefreshes: options.sharedRefreshes,
      requestInBackground: (request) => options.startBackground(this, request),
    };
    this.#filters = createFilterChain(options.config.filters, this.#filterServices, []);
    this.routeTable = options.config.inlineRoutes;
    this.clusters = options.clusters;
    this.timers = options.timers;
    this.prng = options.prng;
    this.nowMs = options.nowMs;
    this.wallMs = options.wallMs;
    this.faults = options.faults;
    this.nodeId = options.nodeId;
    this.mirrorMetrics = options.mirrorMetrics;
    this.#recorder = options.recorder;
    this.#tracing = options.tracing;
    this.#isInbound = options.isInbound;
    this.tracer = this.#createTracer(options.config);
  }

  get config(): HttpConfig {
    return this.#config;
  }

  /** What is to be remembered of a request that begins; undefined where that is nothing. */
  get logNeeds(): LogNeeds | undefined {
    return this.#recorder.needsOf(this.#config);
  }

  /** What requests pass before their route. */
  get filters(): FilterChain {
    return this.#filters;
  }

  /** Requests take it from the next on. */
  reconfigure(config: HttpConfig): void {
    this.#config = config;
    this.tracer = this.#createTracer(config);
    this.#filters = createFilterChain(config.filters, this.#filterServices, this.#filters);
    for (const connection of this.connections) connection.judgeTunnels?.();
  }

  /** 0: an idle connection stays. */
  get idleTimeoutMs(): number {
    return this.config.connectionIdleTimeoutMs ?? DOWNSTREAM_IDLE_TIMEOUT_MS;
  }

  get requestHeadTimeoutMs(): number {
    return this.config.requestHeadTimeoutMs || REQUEST_HEAD_TIMEOUT_MS;
  }

  useMetrics(settings: MetricSettings): void {
    this.#recorder.useMetrics(settings);
  }

  /** The request is one of gRPC, whose messages are counted. */
  beginMessages(outcome: RequestOutcome): void {
    this.#recorder.beginMessages(outcome);
  }

  record(outcome: RequestOutcome): void {
    this.#recorder.record(outcome, this.config);
  }

  #createTracer({ tracing }: HttpConfig): Tracer | undefined {
    return tracing && new Tracer(tracing, this.#tracing, this.#isInbound);
  }
}
