/**
 * The sidecar process put together: bootstrap file in, running proxy out. With `dynamic_resources` it
 * links to a control plane, whose libraries are loaded only then.
 */
import type { Clock } from "../core/clock.ts";
import { DRAIN_TIMEOUT_MS } from "../core/limits.ts";
import type { Logger, LogThreshold } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { FieldError } from "../decision/field-error.ts";
import type { Bootstrap } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { Cluster } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { workloadIdentityFromSpiffeId } from "../identity/spiffe-id.ts";
import type { IdentityUpdate } from "../identity/svid.ts";
import { parseTrustBundlePem, TrustBundleSet } from "../identity/trust-bundle.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { adminPages } from "./admin/admin-pages.ts";
import { AdminServer } from "./admin/admin-server.ts";
import { invalid, readBootstrap } from "./bootstrap.ts";
import { compileAddress } from "./config/address.ts";
import { channelCluster } from "./config/dynamic-config.ts";
import { nodeLabels } from "./config/metadata-labels.ts";
import { DataPlane } from "./data-plane.ts";
import { Drain, type DrainDirection } from "./drain.ts";
import { DynamicResources } from "./dynamic-resources.ts";
import { IdleTrim } from "./idle-trim.ts";
import { registerClusterMetrics, registerLinkMetrics } from "./link-metrics.ts";
import type { MeshLink } from "./mesh-link.ts";
import { ownSpiffeId } from "./own-identity.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import type { SidecarOptions } from "./sidecar-options.ts";
import {
  applyStaticResources,
  applyStaticSecrets,
  compileStaticResources,
  type StaticResources,
} from "./static-resources.ts";

/** The secrets that the identity agent keeps: own certificate, and the roots of the own trust domain. */
const OWN_CERTIFICATE = "default";
const TRUST_BUNDLE = "ROOTCA";

export interface SidecarDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly threshold: LogThreshold;
  readonly prng: Prng;
  readonly version: string;
  /** Asked to end the process. */
  readonly quit: () => void;
}

export class Sidecar {
  readonly #options: SidecarOptions;
  readonly #deps: SidecarDeps;
  readonly #registry = new MetricRegistry();
  #bootstrap: Bootstrap | undefined;
  #proxy: DataPlane | undefined;
  #admin: AdminServer | undefined;
  #idleTrim: IdleTrim | undefined;
  #link: MeshLink | undefined;
  #dynamic: DynamicResources | undefined;
  #drain: Drain | undefined;
  #state: "starting" | "live" | "draining" = "starting";
  #isStopped = false;

  constructor(options: SidecarOptions, deps: SidecarDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Resolves when static listeners are bound and the link to the control plane has begun. */
  async start(): Promise<void> {
    const bootstrap = await readBootstrap(this.#options.bootstrapFile);
    this.#bootstrap = bootstrap;
    const { clock, log, prng, version } = this.#deps;
    registerProcessMetrics(this.#registry, version);
    const errors: FieldError[] = [];
    const channel = channelCluster(bootstrap, errors);
    const proxy = new DataPlane({
      clock,
      log,
      prng,
      registry: this.#registry,
      workload: nodeLabels(bootstrap.node?.metadata, this.#principal(bootstrap, channel)),
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
    applyStaticSecrets(bootstrap, proxy, errors);
    if (errors.length > 0) throw invalid(this.#options.bootstrapFile, errors);
    this.#idleTrim = new IdleTrim(clock, proxy);
    this.#idleTrim.start();
    await this.#startAdmin(bootstrap, proxy);
    await applyStaticResources(resources, proxy);
    if (this.#isStopped) return;
    this.#logListeners(resources);
    if (channel === undefined) this.#becomeLive();
    else await this.#startLink(bootstrap, channel, proxy);
  }

  /** Lets go of callers, finishes what is in flight, and ends. Also while it starts, or when that failed. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    // Only inbound listeners have callers that must hear of it: outbound ones serve the app beside us.
    const isGraceful = this.#proxy?.hasListeners("inbound") ?? false;
    await this.#drain?.run({ direction: "all", isGraceful, graceMs });
    this.#idleTrim?.stop();
    await this.#link?.stop();
    await this.#proxy?.stop();
    await this.#admin?.close();
  }

  /** Tells the control plane and callers to go elsewhere, then stops accepting. */
  async drain(direction: DrainDirection, isGraceful: boolean): Promise<void> {
    await this.#drain?.run({ direction, isGraceful, graceMs: DRAIN_TIMEOUT_MS });
  }

  #onDrain(): void {
    this.#state = "draining";
    this.#link?.announceDrain();
  }

  /** With a plain channel there is no identity. */
  #principal({ node }: Bootstrap, channel: Cluster | undefined): string {
    const isSecure = node !== undefined && channel?.transportSocket !== undefined;
    return isSecure ? ownSpiffeId(node, this.#options.trustDomain) : "";
  }

  async #startAdmin(bootstrap: Bootstrap, proxy: DataPlane): Promise<void> {
    if (bootstrap.admin?.address === undefined) return;
    const errors: FieldError[] = [];
    const { host, port } = compileAddress(bootstrap.admin.address, "admin.address", errors);
    if (errors.length > 0) throw invalid(this.#options.bootstrapFile, errors);
    this.#admin = new AdminServer(
      adminPages({
        proxy,
        registry: this.#registry,
        threshold: this.#deps.threshold,
        notReadyReason: () => this.#notReadyReason(),
        configDump: () => ({
          bootstrap,
          applied: (typeUrl) => this.#dynamic?.applied(typeUrl) ?? new Map(),
          secretNames: proxy.secrets.names,
          warmingListeners: this.#dynamic?.warming ?? [],
          bindErrors: this.#dynamic?.bindErrors ?? new Map(),
          boundListeners: new Set(proxy.listeners.keys()),
        }),
        drain: (direction, isGraceful) => this.drain(direction, isGraceful),
        quit: this.#deps.quit,
        serverInfo: () => this.#serverInfo(),
      }),
    );
    const bound = await this.#admin.listen(host, port);
    this.#deps.log.info("admin port listens", { address: `${host}:${bound}` });
  }

  async #startLink(bootstrap: Bootstrap, channel: Cluster, proxy: DataPlane): Promise<void> {
    const { MeshLink: Link } = await import("./mesh-link.ts");
    if (this.#isStopped) return;
    const { log, clock, prng } = this.#deps;
    const dynamic = new DynamicResources({
      proxy,
      log,
      clock,
      prng,
      ownSecrets: new Set(channel.transportSocket === undefined ? [] : [OWN_CERTIFICATE]),
      onReady: () => this.#becomeLive(),
    });
    this.#dynamic = dynamic;
    const link = new Link(bootstrap, channel, this.#options, dynamic, this.#deps);
    this.#link = link;
    registerLinkMetrics(this.#registry, link);
    link.identity?.onUpdate((update) => this.#useIdentity(update, proxy));
    dynamic.begin(link.ads);
    await link.start();
  }

  #useIdentity(update: IdentityUpdate, proxy: DataPlane): void {
    const { certificateChainPem, privateKeyPem, trustBundlePem, spiffeId } = update;
    proxy.secrets.setCertificate(OWN_CERTIFICATE, {
      chainPem: certificateChainPem,
      keyPem: privateKeyPem,
    });
    // Until SDS brings the roots, those that came with the certificate are used.
    const identity = workloadIdentityFromSpiffeId(spiffeId);
    if (identity === undefined || proxy.secrets.validation(TRUST_BUNDLE) !== undefined) return;
    const bundle = parseTrustBundlePem(identity.trustDomain, trustBundlePem);
    proxy.secrets.setValidation(TRUST_BUNDLE, {
      caPem: "",
      bundles: new TrustBundleSet([bundle]),
    });
  }

  #becomeLive(): void {
    if (this.#state === "starting") this.#state = "live";
    this.#deps.log.info("ready", { listeners: this.#proxy?.listeners.size ?? 0 });
  }

  #notReadyReason(): string | undefined {
    if (this.#state === "live") return undefined;
    if (this.#state === "draining") return "DRAINING";
    const error =
      this.#link?.ads.state.lastError?.message ?? this.#link?.identity?.status.lastError;
    const waiting = "PRE_INITIALIZING: waiting for the control plane";
    return error === undefined ? waiting : `${waiting} (${error})`;
  }

  #serverInfo(): Readonly<Record<string, unknown>> {
    const node = this.#bootstrap?.node;
    return {
      version: this.#deps.version,
      state:
        this.#state === "live" ? "LIVE" : this.#state === "draining" ? "DRAINING" : "INITIALIZING",
      node: { id: node?.id ?? "", cluster: node?.cluster ?? "" },
    };
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
