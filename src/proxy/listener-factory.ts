/** Builds listeners with the servers of their filter chains from compiled configuration. */
import { assertNever } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { RouteTable } from "../decision/route-table.ts";
import type { MetricRegistry } from "../telemetry/metric-registry.ts";
import { RequestMetrics, type WorkloadLabels } from "../telemetry/request-metrics.ts";
import { MessageMetrics } from "../telemetry/request-metrics-messages.ts";
import { RouteMetrics } from "../telemetry/request-metrics-routes.ts";
import { TcpMetrics } from "../telemetry/tcp-metrics.ts";
import type { AccessLogHub } from "./access-log/access-log-hub.ts";
import { BackgroundRequests } from "./background-request.ts";
import type { CallbackFaults } from "./callback-faults.ts";
import { ChainAuthorization } from "./chain-authorization.ts";
import { ChainLimitMetrics, ChainLimits } from "./chain-limits.ts";
import type { ChainServer } from "./chain-server.ts";
import type { Cluster } from "./cluster.ts";
import { CompatibilityMetrics } from "./compatibility-metrics.ts";
import type { FilterChainConfig } from "./config/filter-chain-config.ts";
import type { ListenerConfig } from "./config/listener-config.ts";
import type { ConnectionLimit } from "./connection-limit.ts";
import { createFilterMetrics, type FilterMetrics } from "./filters/filter-metrics.ts";
import type { InheritedSockets } from "./handover/inherited-sockets.ts";
import { HttpServer, type ProxyTimers } from "./http-server.ts";
import { Http2StreamPool } from "./http2-server-stream.ts";
import { ProxyListener } from "./listener.ts";
import { ListenerMetrics } from "./listener-metrics.ts";
import { createMirrorMetrics, type MirrorMetrics } from "./mirror-metrics.ts";
import { MtlsMetrics } from "./mtls-metrics.ts";
import type { SharedRefreshes } from "./oidc/shared-refreshes.ts";
import { OutcomeRecorder } from "./outcome-recorder.ts";
import type { SecretStore } from "./secret-store.ts";
import type { SharedAddresses } from "./shared-addresses.ts";
import type { TapSet } from "./tap/tap-set.ts";
import { TcpRecorder } from "./tcp-recorder.ts";
import { TcpServer } from "./tcp-server.ts";
import type { TlsMetrics } from "./tls-metrics.ts";
import type { TracingHub } from "./tracing/tracing-hub.ts";

export interface ListenerFactoryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly prng: Prng;
  readonly registry: MetricRegistry;
  readonly tlsMetrics: TlsMetrics;
  readonly workload: WorkloadLabels;
  readonly sharedAddresses: SharedAddresses | undefined;
  readonly inherited: InheritedSockets | undefined;
  /** Both by name, as they are at each time. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly routeTables: ReadonlyMap<string, RouteTable>;
  readonly timers: ProxyTimers;
  readonly secrets: SecretStore;
  readonly faults: CallbackFaults;
  readonly connectionLimit: ConnectionLimit;
  /** Processes that share the proxy's traffic. */
  readonly workers: number;
  readonly sharedRefreshes: SharedRefreshes | undefined;
  readonly tracing: TracingHub;
  /** The proxy itself: attributes of OpenTelemetry's resource. */
  readonly resource?: Readonly<Record<string, string>>;
  readonly logs: AccessLogHub;
  readonly taps: TapSet;
}

export class ListenerFactory {
  readonly #options: ListenerFactoryOptions;
  readonly #requestMetrics: RequestMetrics;
  readonly #messageMetrics: MessageMetrics;
  readonly #routeMetrics: RouteMetrics;
  readonly #tcpMetrics: TcpMetrics;
  readonly #listenerMetrics: ListenerMetrics;
  readonly #mtlsMetrics: MtlsMetrics;
  readonly #limitMetrics: ChainLimitMetrics;
  readonly #mirrorMetrics: MirrorMetrics;
  readonly #filterMetrics: FilterMetrics;
  readonly #compatibility: CompatibilityMetrics;
  readonly #background = new BackgroundRequests();

  constructor(options: ListenerFactoryOptions) {
    this.#options = options;
    this.#requestMetrics = new RequestMetrics(options.registry);
    this.#messageMetrics = new MessageMetrics(options.registry);
    this.#routeMetrics = new RouteMetrics(options.registry);
    this.#tcpMetrics = new TcpMetrics(options.registry);
    this.#listenerMetrics = new ListenerMetrics(options.registry);
    this.#mtlsMetrics = new MtlsMetrics(options.registry);
    this.#limitMetrics = new ChainLimitMetrics(options.registry);
    this.#mirrorMetrics = createMirrorMetrics(options.registry);
    this.#filterMetrics = createFilterMetrics(options.registry);
    this.#compatibility = new CompatibilityMetrics({
      ...{ registry: options.registry, clusters: options.clusters },
      ...{ requests: this.#requestMetrics, routes: this.#routeMetrics, tcp: this.#tcpMetrics },
      connectionCount: () => options.connectionLimit.active,
    });
  }

  /** Not yet bound. */
  create(config: ListenerConfig): ProxyListener {
    const { clock, log, secrets, timers, faults, tlsMetrics, connectionLimit } = this.#options;
    const { sharedAddresses, inherited } = this.#options;
    const servers = config.chains.map((chain) => this.#createServer(chain, config.direction));
    return new ProxyListener(config, servers, {
      log,
      secrets,
      timers,
      faults,
      wallMs: () => clock.nowMs(),
      metrics: this.#listenerMetrics,
      mtlsMetrics: this.#mtlsMetrics,
      tlsMetrics,
      sharedAddresses,
      inherited,
      connectionLimit,
    });
  }

  #createServer(
    { service, limits: rules, authorization, checks, metrics }: FilterChainConfig,
    direction: ListenerConfig["direction"],
  ): ChainServer {
    const { clock, prng, workload, clusters, routeTables, timers, faults } = this.#options;
    const { logs, taps } = this.#options;
    const shared = { clusters, timers, prng, nowMs: () => clock.monotonicMs(), faults };
    const { workers, sharedRefreshes } = this.#options;
    const limits = new ChainLimits(rules, {
      ...{ metrics: this.#limitMetrics, workers },
      nowMs: shared.nowMs,
    });
    const policyMetrics = this.#filterMetrics.authorization;
    const compatibility = this.#compatibility;
    const reported = { clock, workload, direction, logs, taps };
    switch (service.kind) {
      case "http": {
        const { http } = service;
        taps.follow(http.accessLogs);
        const recorder = new OutcomeRecorder({
          ...reported,
          metrics: this.#requestMetrics,
          messageMetrics: this.#messageMetrics,
          routeMetrics: this.#routeMetrics,
        });
        const mirrorMetrics = this.#mirrorMetrics;
        const wallMs = (): number => clock.nowMs();
        const server = new HttpServer({
          ...shared,
          wallMs,
          config: http,
          recorder,
          mirrorMetrics,
          filterMetrics: this.#filterMetrics,
          startBackground: this.#background.start,
          workers,
          sharedRefreshes,
          tracing: this.#options.tracing,
          isInbound: direction === "inbound",
          nodeId: this.#options.resource?.["service.instance.id"] ?? "",
        });
        server.routeTable = http.inlineRoutes ?? routeTables.get(http.routesName);
        server.authorize(new ChainAuthorization(authorization, policyMetrics));
        const http2Streams = new Http2StreamPool(server);
        compatibility.apply(server, metrics);
        return { kind: "http", limits, policyMetrics, compatibility, server, http2Streams };
      }
      case "tcp": {
        taps.follow(service.tcp.accessLogs);
        const recorder = new TcpRecorder({ ...reported, metrics: this.#tcpMetrics });
        const server = new TcpServer({
          ...shared,
          config: service.tcp,
          recorder,
          checks,
          authzMetrics: this.#filterMetrics.extAuthz,
        });
        server.authorize(new ChainAuthorization(authorization, policyMetrics));
        compatibility.apply(server, metrics);
        return { kind: "tcp", limits, policyMetrics, compatibility, server };
      }
      default:
        return assertNever(service, "kind of filter chain");
    }
  }
}
