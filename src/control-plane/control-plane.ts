/**
 * The control plane as a whole: opens its state, builds its parts, starts them in order and stops them in
 * reverse. `start` either leaves it running or leaves nothing behind.
 */
import { assert } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import { type Component, startAll, stopAll } from "../core/component.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { SwitchableAuthority } from "../identity/issuers/switchable-authority.ts";
import { MemoryJoinTokenStore } from "../identity/join-token.ts";
import { JwtAuthority } from "../identity/jwt-authority.ts";
import { formatTrustBundlePem } from "../identity/trust-bundle.ts";
import { durationMs } from "../resource/duration.ts";
import { defaultMeshConfigSpec, MESH_CONFIG_NAME } from "../resource/kinds/mesh-config.ts";
import { registry as kinds } from "../resource/registry.ts";
import { openSqliteStore } from "../store/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { EventLoopLag } from "../telemetry/metric-event-loop.ts";
import { registerProcessMetrics } from "../telemetry/metric-process.ts";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { newRequestId } from "../telemetry/request-id.ts";
import { translateShared } from "../translate/translate.ts";
import { createAdminAccess } from "./access/admin-access.ts";
import { createAdminApp } from "./admin-api/admin-app.ts";
import { AdminServer } from "./admin-api/admin-server.ts";
import { AdminTls } from "./admin-api/admin-tls.ts";
import type { AdvertisedHost } from "./advertised-address.ts";
import type { ControlPlaneFile, HealthResponse } from "./api-types.ts";
import { AuditLog } from "./audit/audit-log.ts";
import { createAuditSide } from "./audit/audit-side.ts";
import type { AuditTarget } from "./audit/export-target.ts";
import { authorityTrustDomain } from "./authority-trust-domain.ts";
import { registerCaMetrics } from "./ca/ca-metrics.ts";
import { BundleEndpoint } from "./federation/bundle-endpoint.ts";
import type { BundleEndpointPlace } from "./federation/bundle-endpoint-place.ts";
import { createGrpcSide, type GrpcSide } from "./grpc-side.ts";
import type { IssuerConfig } from "./issuers/issuer-config.ts";
import { openAuthority } from "./issuers/open-authority.ts";
import { createJoinTokenIssuer } from "./join-token-issuer.ts";
import type { ListenAddress } from "./listen-address.ts";
import { collectMeshMetrics } from "./mesh-metrics.ts";
import { type ControlPlaneMetrics, createControlPlaneMetrics } from "./metrics.ts";
import type { RedisAddress } from "./rate-limit/redis-address.ts";
import { RolloutController } from "./rollout/rollout-controller.ts";
import { StateDirectory } from "./state-directory.ts";
import { createExportMetrics, type ExportMetrics } from "./telemetry/export/export-metrics.ts";
import { ExporterSet } from "./telemetry/export/exporter-set.ts";
import { TailDecisions } from "./telemetry/tail/tail-decisions.ts";
import type { TelemetryOptions } from "./telemetry/telemetry-options.ts";
import { TelemetrySide } from "./telemetry/telemetry-side.ts";

export interface ControlPlaneOptions {
  /** The mesh's name. */
  readonly mesh: string;
  readonly stateDirectory: string;
  readonly adminAddress: ListenAddress;
  /** Where audit records are sent besides the log on disk. */
  readonly auditTargets?: readonly AuditTarget[] | undefined;
  /** For administrators on other machines; undefined: not offered. */
  readonly adminTlsAddress?: ListenAddress | undefined;
  readonly xdsAddress: ListenAddress;
  /** Where sidecars are told to find it, if not there. */
  readonly xdsAdvertised?: AdvertisedHost | undefined;
  /** Undefined: as MeshConfig says, or its default. */
  readonly trustDomain: string | undefined;
  /** Where other trust domains fetch the mesh's bundle. Undefined: nowhere. */
  readonly bundleEndpoint?: BundleEndpointPlace | undefined;
  readonly caPassphrase: string | undefined;
  /** Who signs certificates; undefined for the built-in authority. */
  readonly issuer?: IssuerConfig | undefined;
  /** Change to it at once, although proxies that run do not trust its roots. */
  readonly givesUpFormerIssuer?: boolean | undefined;
  /** Where global rate limits are counted; undefined for in this process. */
  readonly rateLimitRedis?: RedisAddress | undefined;
  /** Where telemetry comes from and how much of it is kept. */
  readonly telemetry?: TelemetryOptions | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

interface Opened {
  readonly directory: StateDirectory;
  readonly store: Store;
  readonly authority: SwitchableAuthority;
  readonly audit: AuditLog;
}

export class ControlPlane implements Component {
  readonly name = "control plane";
  readonly #options: ControlPlaneOptions;
  readonly #stopping = new AbortController();
  #directory: StateDirectory | undefined;
  #store: Store | undefined;
  #components: readonly Component[] = [];
  #state: HealthResponse["status"] = "starting";
  #file: ControlPlaneFile | undefined;
  #telemetry: TelemetrySide | undefined;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  /** Where it is. Only after `start`. */
  get file(): ControlPlaneFile {
    assert(this.#file !== undefined, "the control plane has started");
    return this.#file;
  }

  /** Where apps send by OTLP/HTTP, `host:port`; empty when it is off. */
  get otlpAddress(): string {
    return this.#telemetry?.otlpAddress ?? "";
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Ends within `graceMs` and a little. Instances stay registered for the next start. */
  async stop(graceMs: number): Promise<void> {
    this.#state = "stopping";
    this.#stopping.abort();
    const components = this.#components;
    this.#components = [];
    try {
      await stopAll(components, graceMs);
    } finally {
      await this.#store?.close();
      this.#directory?.close();
    }
  }

  async #start(): Promise<void> {
    const { clock, log, mesh, version } = this.#options;
    const directory = StateDirectory.open(this.#options.stateDirectory);
    this.#directory = directory;
    const store = openSqliteStore({ file: directory.storePath, clock, registry: kinds });
    this.#store = store;
    const config = await store.get("MeshConfig", "", MESH_CONFIG_NAME);
    const trustDomain = this.#trustDomain(config?.spec.trustDomain, directory);
    const { rootLifetime } = (config?.spec ?? defaultMeshConfigSpec()).certificates;
    const { issuer, givesUpFormerIssuer = false, caPassphrase: passphrase, prng } = this.#options;
    const authority = await openAuthority({
      ...{ directory, trustDomain, issuer, givesUpFormerIssuer, passphrase, clock, prng, log },
      rootLifetimeMs: durationMs(rootLifetime),
    });
    const audit = new AuditLog({ folder: directory.auditPath, clock, log: log.child("audit") });
    // First in, last out: what the others do while they stop is told, too.
    this.#components = [audit];
    const { components, admin, grpc } = this.#build({ directory, store, authority, audit });
    this.#components = [audit, ...components];
    await startAll(this.#components);
    this.#state = "ok";
    this.#file = {
      name: mesh,
      pid: process.pid,
      adminUrl: admin.url,
      ...(admin.tlsUrl === undefined ? {} : { adminTlsUrl: admin.tlsUrl }),
      adminSocket: directory.adminSocketPath,
      xdsAddress: grpc.listener.address,
      trustDomain: authority.trustDomain,
      version,
    };
    directory.publish(this.#file);
    log.info("control plane ready", { ...this.#file, revision: store.revision() });
  }

  /** The flag's, else that of the authority that is there, else MeshConfig's. */
  #trustDomain(configured: string | undefined, directory: StateDirectory): string {
    const { trustDomain, log } = this.#options;
    const chosen =
      trustDomain ??
      authorityTrustDomain(directory.caCertificatePath) ??
      configured ??
      defaultMeshConfigSpec().trustDomain;
    if (configured !== undefined && configured !== chosen) {
      log.warn("MeshConfig names another trust domain", { configured, inForce: chosen });
    }
    return chosen;
  }

  #openJwtAuthority(directory: StateDirectory): JwtAuthority {
    const { clock, caPassphrase: passphrase } = this.#options;
    return JwtAuthority.open({ path: directory.jwtKeysPath, passphrase, clock });
  }

  #bundleEndpoint({ agent, federation }: GrpcSide): readonly BundleEndpoint[] {
    const { clock, log, bundleEndpoint: place } = this.#options;
    if (place === undefined) return [];
    const document = (): string => federation.ownBundle.document();
    return [new BundleEndpoint({ ...place, agent, document, clock, log: log.child("federation") })];
  }

  #build(opened: Opened) {
    const { clock, prng, log, version } = this.#options;
    const { store, authority } = opened;
    const tokenStore = new MemoryJoinTokenStore();
    const metricRegistry = new MetricRegistry();
    const metrics = createControlPlaneMetrics(metricRegistry, version);
    registerProcessMetrics(metricRegistry, clock.nowMs());
    new EventLoopLag(clock, metricRegistry);
    const telemetry = new TelemetrySide({
      ...this.#options.telemetry,
      path: opened.directory.telemetryPath,
      ...{ registry: metricRegistry, clock, log },
    });
    this.#telemetry = telemetry;
    const exportMetrics = createExportMetrics(metricRegistry);
    const exporters = this.#createExporters(opened, exportMetrics);
    const parts = { tokenStore, metrics, telemetry, exporters, metricRegistry };
    const grpc = this.#createGrpc(opened, parts);
    const { mesh, agent, listener } = grpc;
    metricRegistry.onCollect(() =>
      collectMeshMetrics(metrics, {
        ...mesh,
        revision: store.revision(),
        authorityNotAfterMs: authority.root.notAfterMs,
        certificateNotAfterMs: agent.status.notAfterMs ?? 0,
      }),
    );
    registerCaMetrics(metricRegistry, grpc.identity, clock);
    const rollouts = new RolloutController({
      store,
      ...mesh,
      metrics: metrics.rolloutEvents,
      clock,
      log: log.child("rollouts"),
    });
    const auditSide = createAuditSide({
      ...mesh,
      audit: opened.audit,
      exports: {
        targets: this.#options.auditTargets ?? [],
        ...{ exporters, prng, metrics: exportMetrics },
      },
      denialsPath: opened.directory.auditDenialsPath,
      registry: metricRegistry,
      clock,
      log: log.child("audit"),
    });
    const admin = this.#createAdmin(opened, grpc, {
      ...{ tokenStore, metricRegistry, rollouts, exporters, telemetry },
    });
    const recorder: Component = {
      name: "instance recorder",
      start: () => Promise.resolve(),
      stop: () => mesh.recorder.stop(),
    };
    return {
      components: [
        ...(grpc.redis === undefined ? [] : [grpc.redis]),
        ...telemetry.components,
        exporters,
        authority,
        agent,
        recorder,
        mesh.reconciler,
        listener,
        grpc.identity.controller,
        grpc.federation,
        grpc.joinSockets,
        ...this.#bundleEndpoint(grpc),
        rollouts,
        ...auditSide,
        telemetry.watch({ ...mesh, audit: opened.audit, version }),
        ...telemetry.listeners,
        admin,
      ],
      admin,
      grpc,
    };
  }

  #createExporters({ directory }: Opened, metrics: ExportMetrics): ExporterSet {
    const { mesh, version, clock, prng, log } = this.#options;
    const folder = directory.exportPath;
    return new ExporterSet({
      ...{ mesh, version, folder, metrics, clock, prng },
      log: log.child("export"),
    });
  }

  #createGrpc(
    { directory, store, authority, audit }: Opened,
    parts: {
      readonly tokenStore: MemoryJoinTokenStore;
      readonly metrics: ControlPlaneMetrics;
      readonly telemetry: TelemetrySide;
      readonly exporters: ExporterSet;
      readonly metricRegistry: MetricRegistry;
    },
  ): GrpcSide {
    const { clock, prng, log } = this.#options;
    const { telemetry, exporters, metricRegistry: registry } = parts;
    const tail = new TailDecisions({ clock, registry, run: newRequestId() });
    telemetry.sinks.push(exporters, tail);
    telemetry.figures.push(exporters);
    return createGrpcSide({
      store,
      authority,
      issuedPath: directory.issuedPath,
      rotationPath: directory.caRotationPath,
      jwtAuthority: this.#openJwtAuthority(directory),
      federationFiles: {
        bundlesPath: directory.federatedBundlesPath,
        ownBundlePath: directory.ownBundlePath,
      },
      keySetsPath: directory.keySetsPath,
      tokenStore: parts.tokenStore,
      address: this.#options.xdsAddress,
      advertised: this.#options.xdsAdvertised,
      redis: this.#options.rateLimitRedis,
      audit,
      createIntake: (mesh) => parts.telemetry.createIntake(mesh),
      tail,
      taps: parts.telemetry.taps,
      onObjects: (objects) => parts.exporters.want(objects.list("TelemetryExporter")),
      metrics: parts.metrics,
      ...{ clock, prng, log },
    });
  }

  #createAdmin(
    opened: Opened,
    grpc: GrpcSide,
    parts: {
      readonly tokenStore: MemoryJoinTokenStore;
      readonly metricRegistry: MetricRegistry;
      readonly rollouts: RolloutController;
      readonly exporters: ExporterSet;
      readonly telemetry: TelemetrySide;
    },
  ): AdminServer {
    const { clock, log, mesh, version, adminAddress } = this.#options;
    const { authority } = opened;
    const { trustDomain } = authority;
    const { adminSocketPath: adminSocket } = opened.directory;
    const getXdsAddress = (): string => grpc.listener.advertised;
    const app = createAdminApp({
      ...grpc.mesh,
      store: opened.store,
      kinds,
      translate: translateShared,
      issueJoinToken: createJoinTokenIssuer({
        clock,
        tokenStore: parts.tokenStore,
        trustDomain,
        getLifetimeMs: () => grpc.mesh.settings.joinTokenLifetimeMs,
        getTrustBundlePem: () => formatTrustBundlePem(authority.bundle),
        getXdsAddress,
      }),
      metrics: parts.metricRegistry,
      rollouts: parts.rollouts,
      exporters: parts.exporters,
      telemetry: parts.telemetry,
      identity: grpc.identity,
      access: createAdminAccess({
        ...grpc.mesh,
        tokensPath: opened.directory.adminTokensPath,
        metrics: parts.metricRegistry,
        clock,
        log: log.child("access"),
      }),
      audit: opened.audit,
      info: {
        mesh,
        version,
        trustDomain,
        startedAtMs: clock.nowMs(),
        adminSocket,
        getXdsAddress,
        getState: () => this.#state,
        getAuthorityNotAfterMs: () => authority.root.notAfterMs,
        getCertificateNotAfterMs: () => grpc.agent.status.notAfterMs,
      },
      clock,
      log: log.child("admin-api"),
      stopping: this.#stopping.signal,
    });
    const { adminTlsAddress } = this.#options;
    return new AdminServer({
      tls: adminTlsAddress && {
        address: adminTlsAddress,
        identity: new AdminTls({ agent: grpc.agent, getDenied: () => grpc.identity.denied, clock }),
      },
      fetch: (request, bindings) => app.fetch(request, bindings),
      address: adminAddress,
      socketPath: adminSocket,
      clock,
    });
  }
}
