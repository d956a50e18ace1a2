/**
 * The sidecar process put together: bootstrap file in, running proxy out. With `dynamic_resources` it
 * links to a control plane, whose libraries are loaded only then. With several workers this is
 * `workers/coordinator.ts` instead.
 */
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { DRAIN_TIMEOUT_MS } from "../core/limits.ts";
import type { Logger, LogThreshold } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { FieldError } from "../decision/field-error.ts";
import type { Bootstrap } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { snapshotOf } from "../telemetry/metric-snapshot.ts";
import type { AdminServer } from "./admin/admin-server.ts";
import { appMetricsOf } from "./admin/app-metrics.ts";
import { NOTHING_DYNAMIC, type ProxyStatus, statusOf } from "./admin/proxy-status.ts";
import { startAdmin } from "./admin/start-admin.ts";
import { registerAppProcessMetrics } from "./app-process-metrics.ts";
import { invalid } from "./bootstrap.ts";
import { channelCluster } from "./config/dynamic-config.ts";
import { nodeLabels } from "./config/metadata-labels.ts";
import { compileConnectionsMax } from "./config/overload-config.ts";
import { connectionsMaxOf } from "./connection-limit.ts";
import { DataPlane } from "./data-plane.ts";
import { Drain, type DrainDirection } from "./drain.ts";
import { DynamicResources } from "./dynamic-resources.ts";
import type { OpenSocket } from "./handover/messages.ts";
import type { ReplacedSidecar } from "./handover/restart.ts";
import type { Successor } from "./handover/successor.ts";
import { IdleTrim } from "./idle-trim.ts";
import { registerClusterMetrics, registerLinkMetrics } from "./link-metrics.ts";
import { localClusterOf } from "./local-cluster.ts";
import type { MeshLink } from "./mesh-link.ts";
import { openFilesMax } from "./open-files.ts";
import { metricsResource, wantsExponential } from "./otlp-metrics/metrics-resource.ts";
import { MetricsSinks } from "./otlp-metrics/metrics-sinks.ts";
import { compileStatsSinks } from "./otlp-metrics/stats-sinks-config.ts";
import { followedSecretNames, ownPrincipal, ownSecretNames, useIdentity } from "./own-identity.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import type { SidecarOptions } from "./sidecar-options.ts";
import { SidecarState } from "./sidecar-state.ts";
import {
  applyStaticResources,
  applyStaticSecrets,
  compileStaticResources,
  type StaticResources,
} from "./static-resources.ts";

export interface SidecarDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly threshold: LogThreshold;
  readonly prng: Prng;
  readonly version: string;
  /** Asked to end the process. */
  readonly quit: () => void;
  /** Has another process take over; see `handover/restart.ts`. */
  readonly restart: (drainMs: number) => Promise<void>;
  /** Present when this process takes over from another one. */
  readonly successor: Successor | undefined;
}

export class Sidecar implements ReplacedSidecar {
  readonly #options: SidecarOptions;
  readonly #bootstrap: Bootstrap;
  readonly #deps: SidecarDeps;
  readonly #registry = new MetricRegistry();
  readonly #state: SidecarState;
  #proxy: DataPlane | undefined;
  #admin: AdminServer | undefined;
  #idleTrim: IdleTrim | undefined;
  #link: MeshLink | undefined;
  #dynamic: DynamicResources | undefined;
  #drain: Drain | undefined;
  #sinks: MetricsSinks | undefined;
  #isStopped = false;
  #isReplaced = false;

  constructor(options: SidecarOptions, bootstrap: Bootstrap, deps: SidecarDeps) {
    this.#options = options;
    this.#bootstrap = bootstrap;
    this.#deps = deps;
    this.#state = new SidecarState(bootstrap.node, deps.version, deps.successor?.epoch ?? 0);
  }

  /** Resolves when static listeners are bound and the link to the control plane has begun. */
  async start(): Promise<void> {
    const bootstrap = this.#bootstrap;
    const { clock, log, prng, version } = this.#deps;
    if (wantsExponential(bootstrap.node)) this.#registry.useExponential();
    registerProcessMetrics(this.#registry, version, clock, true);
    registerAppProcessMetrics(this.#registry, bootstrap.node?.metadata);
    const errors: FieldError[] = [];
    const channel = channelCluster(bootstrap, errors);
    const principal = ownPrincipal(bootstrap.node, channel, this.#options.trustDomain);
    const connectionsMax = compileConnectionsMax(bootstrap, errors);
    this.#sinks = new MetricsSinks({
      ...{ clock, log, registry: this.#registry, node: bootstrap.node, version },
      config: compileStatsSinks(bootstrap, channel, errors),
      metrics: () => snapshotOf(this.#registry.families()),
    });
    const proxy = new DataPlane({
      clock,
      log,
      prng,
      registry: this.#registry,
      workload: nodeLabels(bootstrap.node?.metadata, principal),
      local: localClusterOf(bootstrap),
      ...{ resource: metricsResource(bootstrap.node), version },
      inherited: this.#deps.successor?.sockets,
      connectionsMax: connectionsMaxOf(connectionsMax, openFilesMax(), { index: 0, count: 1 }),
    });
    this.#proxy = proxy;
    this.#drain = new Drain({ clock, proxy, onAnnounce: () => this.#onDrain() });
    registerClusterMetrics(this.#registry, proxy);
    const resources = compileStaticResources(
      bootstrap,
      (name) => name === channel?.name,
      errors,
      () => clock.nowMs(),
    );
    applyStaticSecrets(bootstrap, proxy.secrets, errors);
    if (errors.length > 0) throw invalid(this.#options.bootstrapFile, errors);
    this.#idleTrim = new IdleTrim(clock, proxy);
    this.#idleTrim.start();
    // The process before this one answers until this one is ready.
    if (this.#deps.successor === undefined) await this.#startAdmin(proxy);
    await applyStaticResources(resources, proxy);
    if (this.#isStopped) return;
    this.#logListeners(resources);
    if (channel === undefined) await this.#becomeLive();
    else await this.#startLink(channel, proxy);
    await this.#sinks.start(this.#link);
  }

  /** Lets go of callers, finishes what is in flight, and ends. Also while it starts, or when that failed. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    // Only inbound listeners have callers that must hear of it: outbound ones serve the app beside us.
    const isGraceful = !this.#isReplaced && (this.#proxy?.hasListeners("inbound") ?? false);
    await this.#drain?.run({ direction: "all", isGraceful, graceMs });
    this.#idleTrim?.stop();
    await this.#sinks?.stop();
    await this.#link?.stop();
    await this.#proxy?.stop();
    await this.#admin?.close();
  }

  async openSockets(): Promise<readonly OpenSocket[]> {
    const admin = this.#admin?.openSocket;
    const sockets = this.#proxy?.sockets ?? [];
    return admin === undefined ? sockets : [...sockets, admin];
  }

  holdLink(): void {
    this.#sinks?.hold();
    this.#link?.hold();
  }

  resumeLink(): void {
    this.#link?.resume();
    this.#sinks?.resume();
  }

  /**
   * Another process has taken over: accepts no more, says no more for this proxy, and lets what it carries end.
   * Resolves when that is done, or after `drainMs`; `stop` follows.
   */
  async replace(drainMs: number): Promise<void> {
    this.#isReplaced = true;
    this.#state.becomeDraining();
    this.#admin?.retire();
    await this.#link?.stop();
    await this.#proxy?.replace(drainMs);
  }

  /** Tells the control plane and callers to go elsewhere, then stops accepting. */
  async drain(direction: DrainDirection, isGraceful: boolean): Promise<void> {
    await this.#drain?.run({ direction, isGraceful, graceMs: DRAIN_TIMEOUT_MS });
  }

  #onDrain(): void {
    this.#state.becomeDraining();
    this.#link?.announceDrain();
  }

  async #startAdmin(proxy: DataPlane): Promise<void> {
    const { threshold, log, quit, successor } = this.#deps;
    const bootstrap = this.#bootstrap;
    const status = (): ProxyStatus => statusOf(proxy, this.#dynamic ?? NOTHING_DYNAMIC);
    this.#admin = await startAdmin(
      bootstrap,
      this.#options.bootstrapFile,
      log,
      {
        metrics: () => snapshotOf(this.#registry.families()),
        appMetrics: appMetricsOf(bootstrap.node?.metadata, this.#registry),
        status,
        logLevel: () => threshold.level,
        setLogLevel: (level) => {
          threshold.level = level;
        },
        notReadyReason: () => this.#state.notReadyReason(this.#link),
        configDump: () => ({
          bootstrap,
          applied: (typeUrl) => this.#dynamic?.applied(typeUrl) ?? new Map(),
          status: status(),
        }),
        drain: (direction, isGraceful) => this.drain(direction, isGraceful),
        restart: this.#deps.restart,
        quit,
        serverInfo: () => this.#state.info(),
      },
      successor?.sockets,
    );
  }

  async #startLink(channel: Cluster, proxy: DataPlane): Promise<void> {
    const { MeshLink: Link } = await import("./mesh-link.ts");
    if (this.#isStopped) return;
    const { log, clock, prng } = this.#deps;
    const dynamic = new DynamicResources({
      proxy,
      log,
      clock,
      prng,
      ownSecrets: ownSecretNames(channel),
      followedSecrets: followedSecretNames(channel),
      onReady: () => void this.#becomeLive(),
    });
    this.#dynamic = dynamic;
    const link = new Link(this.#bootstrap, channel, this.#options, dynamic, this.#deps);
    this.#link = link;
    registerLinkMetrics(this.#registry, link, () => clock.nowMs());
    link.identity?.onUpdate((update) => useIdentity(update, proxy.secrets));
    dynamic.begin(link.ads);
    await link.start(() => this.#deps.successor?.linking());
  }

  async #becomeLive(): Promise<void> {
    const { log, successor } = this.#deps;
    const proxy = this.#proxy;
    if (proxy === undefined || this.#isStopped) return;
    this.#state.becomeLive();
    if (successor !== undefined) {
      try {
        await this.#startAdmin(proxy);
      } catch (error) {
        // It has moved to an address that is taken: traffic matters more.
        log.error("no admin port", { reason: messageOf(error) });
      }
      successor.live();
    }
    log.info("ready", { listeners: proxy.listeners.size });
  }

  #logListeners(resources: StaticResources): void {
    for (const { name } of resources.listeners) {
      const listener = this.#proxy?.listeners.get(name);
      if (listener === undefined) continue;
      const address = `${listener.config.address.host}:${listener.port}`;
      this.#deps.log.info("listening", { listener: name, address });
    }
  }
}
