/**
 * A sidecar with several workers: this process has the identity, the stream to the control plane, the
 * health checks of the app and the admin port; the workers have the traffic.
 */
import { toBinary } from "@bufbuild/protobuf";
import { MeshError, messageOf } from "../../core/errors.ts";
import { DRAIN_TIMEOUT_MS, WORKER_ANSWER_MS_MAX, WORKER_SCRAPE_MS_MAX } from "../../core/limits.ts";
import type { LogLevel } from "../../core/logger.ts";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Bootstrap,
  BootstrapSchema,
} from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { IdentityUpdate } from "../../identity/svid.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { AdsClient } from "../../xds/ads-client.ts";
import type {
  ResourceConsumer,
  ResourceError,
  ResourceUpdate,
} from "../../xds/resource-consumer.ts";
import { CLUSTER_TYPE_URL, LISTENER_TYPE_URL } from "../../xds/type-urls.ts";
import type { AdminServer } from "../admin/admin-server.ts";
import { appMetricsOf } from "../admin/app-metrics.ts";
import { mergeStatuses, type ProxyStatus } from "../admin/proxy-status.ts";
import { startAdmin } from "../admin/start-admin.ts";
import { registerAppProcessMetrics } from "../app-process-metrics.ts";
import { invalid } from "../bootstrap.ts";
import { channelCluster } from "../config/dynamic-config.ts";
import { compileConnectionsMax } from "../config/overload-config.ts";
import type { WorkerPlace } from "../connection-limit.ts";
import { Drain, type DrainDirection } from "../drain.ts";
import type { OpenSocket } from "../handover/messages.ts";
import type { ReplacedSidecar } from "../handover/restart.ts";
import { IdleTrim } from "../idle-trim.ts";
import { registerLinkMetrics } from "../link-metrics.ts";
import type { MeshLink } from "../mesh-link.ts";
import { MetricsSinks } from "../otlp-metrics/metrics-sinks.ts";
import { compileStatsSinks, type StatsSinksConfig } from "../otlp-metrics/stats-sinks-config.ts";
import { registerProcessMetrics } from "../process-metrics.ts";
import { SecretStore } from "../secret-store.ts";
import type { SidecarDeps } from "../sidecar.ts";
import type { SidecarOptions } from "../sidecar-options.ts";
import { SidecarState } from "../sidecar-state.ts";
import { applyStaticSecrets, compileStaticResources } from "../static-resources.ts";
import type { StartInput, WantedNames } from "./calls.ts";
import { Configuration } from "./configuration.ts";
import { WorkerGroup } from "./worker-group.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

export interface CoordinatorDeps extends SidecarDeps {
  readonly workers: number;
  /** Program and first arguments of a worker; its index follows. */
  readonly workerCommand: readonly [string, ...string[]];
}

export class Coordinator implements ResourceConsumer, ReplacedSidecar {
  readonly #options: SidecarOptions;
  readonly #bootstrap: Bootstrap;
  readonly #deps: CoordinatorDeps;
  readonly #registry = new MetricRegistry();
  readonly #state: SidecarState;
  readonly #configuration = new Configuration();
  readonly #group: WorkerGroup;
  readonly #metrics: WorkerMetrics;
  readonly #drain: Drain;
  readonly #idleTrim: IdleTrim;
  readonly #announced = new Set<DrainDirection>();
  /** What is subscribed to by name. */
  #subscribed: WantedNames = new Map();
  #identity: IdentityUpdate | undefined;
  #admin: AdminServer | undefined;
  #link: MeshLink | undefined;
  #ads: AdsClient | undefined;
  #sinks: MetricsSinks | undefined;
  #isStopped = false;
  #isReplaced = false;

  constructor(options: SidecarOptions, bootstrap: Bootstrap, deps: CoordinatorDeps) {
    this.#options = options;
    this.#bootstrap = bootstrap;
    this.#deps = deps;
    this.#state = new SidecarState(bootstrap.node, deps.version, deps.successor?.epoch ?? 0);
    const { clock, log, prng, workers } = deps;
    this.#metrics = new WorkerMetrics(this.#registry, workers, () => this.#group);
    this.#group = new WorkerGroup({
      ...{ clock, log, prng, count: workers, command: deps.workerCommand },
      inherited: deps.successor?.sockets,
      startInput: (place) => this.#startInput(place),
      onWanted: (wanted) => this.#subscribe(wanted),
      onReady: () => void this.#becomeLive(),
      onGone: (worker) => this.#metrics.onGone(worker),
    });
    this.#drain = new Drain({
      clock,
      proxy: {
        announceDrain: (direction) => void this.#announceDrain(direction),
        drain: async (direction, graceMs) => {
          const input = { direction, graceMs };
          await this.#group.ask("drain", input, graceMs + WORKER_ANSWER_MS_MAX);
        },
      },
      onAnnounce: () => {
        this.#state.becomeDraining();
        this.#link?.announceDrain();
      },
    });
    // It carries no requests: what starting allocated can go at once.
    this.#idleTrim = new IdleTrim(clock, { requestsTotal: 0 });
  }

  /** Resolves when the static listeners of all workers are bound and the link to the control plane has begun. */
  async start(): Promise<void> {
    const { channel, sinks } = this.#check();
    const { clock, log, version } = this.#deps;
    this.#sinks = new MetricsSinks({
      ...{ clock, log, registry: this.#registry, node: this.#bootstrap.node, version },
      config: sinks,
      metrics: () => this.#metrics.collect(this.#group),
    });
    registerProcessMetrics(this.#registry, version, clock, true);
    registerAppProcessMetrics(this.#registry, this.#bootstrap.node?.metadata);
    this.#idleTrim.start();
    this.#checkSuccession();
    // The process before this one answers until this one is ready.
    if (this.#deps.successor === undefined) await this.#startAdmin();
    await this.#group.start();
    if (this.#isStopped) return;
    const { listeners } = await this.#status();
    for (const { name, host, port } of listeners) {
      this.#deps.log.info("listening", { listener: name, address: `${host}:${port}` });
    }
    if (channel === undefined) await this.#becomeLive();
    else await this.#startLink(channel);
    await this.#sinks.start(this.#link);
  }

  /** Lets go of callers, finishes what is in flight, and ends. Also while it starts, or when that failed. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#group.stopRestarting();
    const { listeners } = await this.#status();
    // Only inbound listeners have callers that must hear of it: outbound ones serve the app beside us.
    const isGraceful =
      !this.#isReplaced && listeners.some(({ direction }) => direction === "inbound");
    await this.#drain.run({ direction: "all", isGraceful, graceMs });
    this.#idleTrim.stop();
    await this.#sinks?.stop();
    await this.#link?.stop();
    await this.#group.stop();
    await this.#admin?.close();
  }

  async openSockets(): Promise<readonly OpenSocket[]> {
    const sockets = await this.#group.sockets();
    const admin = this.#admin?.openSocket;
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

  /** As `Sidecar.replace`. */
  async replace(drainMs: number): Promise<void> {
    this.#isReplaced = true;
    this.#group.stopRestarting();
    this.#state.becomeDraining();
    this.#admin?.retire();
    await this.#link?.stop();
    await this.#group.ask("replace", drainMs, drainMs + WORKER_ANSWER_MS_MAX);
  }

  async onUpdate(update: ResourceUpdate): Promise<readonly ResourceError[]> {
    return await this.#group.update(update, (refused) => {
      this.#configuration.apply(update, refused);
    });
  }

  onMissing(typeUrl: string, names: readonly string[]): void {
    const missing = { typeUrl, names };
    void this.#group.tell("missing", missing, () => this.#configuration.addMissing(missing));
  }

  /** Compiles the file as each worker will: what is wrong with it ends this process before it has any. */
  #check(): { readonly channel: Cluster | undefined; readonly sinks: StatsSinksConfig } {
    const { clock } = this.#deps;
    const errors: FieldError[] = [];
    const channel = channelCluster(this.#bootstrap, errors);
    compileStaticResources(
      this.#bootstrap,
      (name) => name === channel?.name,
      errors,
      () => clock.nowMs(),
    );
    compileConnectionsMax(this.#bootstrap, errors);
    const sinks = compileStatsSinks(this.#bootstrap, channel, errors);
    applyStaticSecrets(this.#bootstrap, new SecretStore(), errors);
    if (errors.length > 0) throw invalid(this.#options.bootstrapFile, errors);
    return { channel, sinks };
  }

  #startInput(place: WorkerPlace): StartInput {
    return {
      place,
      bootstrap: toBinary(BootstrapSchema, this.#bootstrap),
      bootstrapFile: this.#options.bootstrapFile,
      trustDomain: this.#options.trustDomain,
      version: this.#deps.version,
      logLevel: this.#deps.threshold.level,
      identity: this.#identity,
      updates: this.#configuration.updates(),
      missing: this.#configuration.missing(),
      drains: [...this.#announced],
    };
  }

  async #startAdmin(): Promise<void> {
    const { threshold, log, quit } = this.#deps;
    const bootstrap = this.#bootstrap;
    this.#admin = await startAdmin(
      bootstrap,
      this.#options.bootstrapFile,
      log,
      {
        metrics: () => this.#metrics.collect(this.#group),
        appMetrics: appMetricsOf(bootstrap.node?.metadata, this.#registry),
        status: () => this.#status(),
        logLevel: () => threshold.level,
        setLogLevel: (level) => this.#setLogLevel(level),
        notReadyReason: () => this.#notReadyReason(),
        configDump: async () => ({
          bootstrap,
          applied: (typeUrl) => this.#configuration.applied(typeUrl),
          status: await this.#status(),
        }),
        drain: (direction, isGraceful) =>
          this.#drain.run({ direction, isGraceful, graceMs: DRAIN_TIMEOUT_MS }),
        restart: this.#deps.restart,
        quit,
        serverInfo: () => this.#serverInfo(),
      },
      this.#deps.successor?.sockets,
    );
  }

  /** Each worker goes on with the sockets of one. */
  #checkSuccession(): void {
    const { successor, workers } = this.#deps;
    const before = successor?.sockets.workers ?? workers;
    if (before === workers) return;
    const message = `a proxy of ${workers} workers cannot take over from one of ${before || 1}`;
    throw new MeshError({ code: "restart-failed" }, message);
  }

  async #startLink(channel: Cluster): Promise<void> {
    const { MeshLink: Link } = await import("../mesh-link.ts");
    if (this.#isStopped) return;
    const link = new Link(this.#bootstrap, channel, this.#options, this, this.#deps);
    this.#link = link;
    this.#ads = link.ads;
    registerLinkMetrics(this.#registry, link, () => this.#deps.clock.nowMs());
    link.identity?.onUpdate((identity) => {
      void this.#group.tell("identity", identity, () => {
        this.#identity = identity;
      });
    });
    link.ads.subscribe(CLUSTER_TYPE_URL, "*");
    link.ads.subscribe(LISTENER_TYPE_URL, "*");
    await link.start(() => this.#deps.successor?.linking());
  }

  /** Subscribes to what the workers want by name, and to nothing else. */
  #subscribe(wanted: WantedNames): void {
    const before = this.#subscribed;
    this.#subscribed = wanted;
    for (const [typeUrl, names] of wanted) {
      const known = new Set(before.get(typeUrl));
      const kept = new Set(names);
      const added = names.filter((name) => !known.has(name));
      const removed = [...known].filter((name) => !kept.has(name));
      if (added.length > 0) this.#ads?.subscribe(typeUrl, added);
      if (removed.length > 0) this.#ads?.unsubscribe(typeUrl, removed);
    }
    this.#configuration.keepOnly(wanted);
  }

  async #announceDrain(direction: DrainDirection): Promise<void> {
    await this.#group.tell("announceDrain", direction, () => this.#announced.add(direction));
  }

  #setLogLevel(level: LogLevel): void {
    this.#deps.threshold.level = level;
    void this.#group.tell("logLevel", level, () => {});
  }

  async #status(): Promise<ProxyStatus> {
    return mergeStatuses(await this.#group.ask("status", undefined, WORKER_SCRAPE_MS_MAX));
  }

  async #becomeLive(): Promise<void> {
    if (this.#isStopped) return;
    this.#state.becomeLive();
    const { log, successor } = this.#deps;
    if (successor !== undefined) {
      try {
        await this.#startAdmin();
      } catch (error) {
        // It has moved to an address that is taken: traffic matters more.
        log.error("no admin port", { reason: messageOf(error) });
      }
      successor.live();
    }
    const { listeners } = await this.#status();
    log.info("ready", { listeners: listeners.length, workers: this.#deps.workers });
  }

  #notReadyReason(): string | undefined {
    const reason = this.#state.notReadyReason(this.#link);
    if (reason !== undefined || this.#group.live.length > 0) return reason;
    return "no worker is running; see the log";
  }

  #serverInfo(): Readonly<Record<string, unknown>> {
    const workers = this.#group.live.map(({ index, pid }) => ({ worker: index, pid }));
    return { ...this.#state.info(), concurrency: this.#deps.workers, workers };
  }
}
