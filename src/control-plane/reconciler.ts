/**
 * Turns changes into configuration: follows the store and the registry, and gives every connected proxy what it
 * ought to have. What it finds wrong goes into statuses; it never takes working traffic down.
 */
import type { Clock } from "../core/clock.ts";
import type { Component } from "../core/component.ts";
import { hasCode, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { IdentityPolicy } from "../identity/identity-policy.ts";
import { revisionOf, type Store, type WatchEvent } from "../store/store.ts";
import type { ProxySnapshot } from "../xds/snapshot.ts";
import { shortTypeName } from "../xds/type-urls.ts";
import { attestorIssuers } from "./attestation/attestors.ts";
import type { EmptySetGuard } from "./empty-set-guard.ts";
import { FaultEnds } from "./fault-ends.ts";
import type { SpiffeTrustSource } from "./federation/spiffe-trust-source.ts";
import type { GatewayListeners } from "./gateway-listeners.ts";
import { guardedServices, heldFinding } from "./held-set.ts";
import { isServing } from "./instance.ts";
import { headlessServices, wantedInstanceKeys } from "./instance-indexes.ts";
import type { KeySetKeeper } from "./jwks/key-set-keeper.ts";
import { withChecks } from "./mesh-finding.ts";
import type { ControlPlaneMetrics } from "./metrics.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { ProxyDirectory, ProxyEntry } from "./proxy-directory.ts";
import { PushSchedule, type PushTrigger } from "./push-schedule.ts";
import type { Registry, RegistryChange } from "./registry.ts";
import type { ServiceIndexes } from "./service-index.ts";
import { buildSnapshot, manualWorkloads } from "./snapshot-builder.ts";
import type { SnapshotTranslator } from "./snapshot-translator.ts";
import type { MeshReport, StatusWriter } from "./status-writer.ts";
import { descriptionFromWorkload, instanceHealth, isRegistered } from "./workload-object.ts";

/** Time between attempts to follow the store again. */
const WATCH_RETRY_MS = 1000;
/** What happened, in the words of Istio's board. */
const EVENT_NAMES = { put: "update", delete: "delete" } as const;

/** Revisions whose push time is remembered, for the convergence metric. */
const PUSHES_REMEMBERED_MAX = 256;

export interface ReconcilerOptions {
  readonly store: Store;
  readonly objects: ObjectCache;
  readonly registry: Registry;
  readonly guard: EmptySetGuard;
  readonly serviceIndexes: ServiceIndexes;
  /** Undefined: no keys are fetched. */
  readonly keySets?: KeySetKeeper | undefined;
  readonly proxies: ProxyDirectory;
  readonly translator: SnapshotTranslator;
  readonly statusWriter: StatusWriter;
  /** Undefined: nobody asks what gateways have bound. */
  readonly gatewayListeners?: Pick<GatewayListeners, "start" | "stop">;
  /** The ADS server's. */
  readonly setSnapshot: (streamId: string, snapshot: ProxySnapshot) => void;
  readonly trustDomain: string;
  readonly getTrustBundlePem: () => string;
  readonly getIdentityPolicy?: () => IdentityPolicy | undefined;
  /** Called with the mesh's objects before each translation. */
  readonly onObjects?: ((objects: ObjectCache) => void) | undefined;
  /** Keys for tokens, and other trust domains. */
  readonly spiffeTrust?: SpiffeTrustSource | undefined;
  /** Revocations were written or deleted: whoever enforces them must not wait for the next push. */
  readonly onRevocationsChanged?: () => void;
  readonly getControlPlaneAddress: () => string;
  /** A Workload that the registry owns was deleted by somebody else. */
  readonly onWorkloadLost: (key: string) => void;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Reconciler implements Component {
  readonly name = "reconciler";
  readonly #options: ReconcilerOptions;
  readonly #schedule: PushSchedule;
  readonly #faultEnds: FaultEnds;
  readonly #stopping = new AbortController();
  /** By proxy key: what it was given last. */
  readonly #given = new Map<string, ProxySnapshot>();
  /** When the cause of a push came up, by the revision that was pushed. */
  readonly #causedMs = new Map<number, number>();
  #firstCauseMs: number | undefined;
  #seenRevision = 0;
  #translatedRevision = 0;
  #report: MeshReport = { findings: [], faults: [] };
  #following: Promise<void> = Promise.resolve();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#schedule = new PushSchedule({
      clock: options.clock,
      push: (triggers) => this.#push(triggers),
    });
    this.#faultEnds = new FaultEnds(options.clock, () => this.#trigger("config"));
  }

  /** The newest revision that every connected proxy was given. */
  get translatedRevision(): number {
    return this.#translatedRevision;
  }

  /** Loads the store and translates it, so that the first proxy to connect is served from the truth. */
  async start(): Promise<void> {
    await this.#load();
    this.#restore();
    this.#push(new Set(["config"]));
    this.#following = this.#follow();
    this.#options.gatewayListeners?.start();
  }

  async stop(): Promise<void> {
    this.#schedule.stop();
    this.#faultEnds.stop();
    this.#options.keySets?.stop();
    await this.#options.gatewayListeners?.stop();
    this.#options.guard.stop();
    this.#stopping.abort();
    await this.#following;
    await this.#options.statusWriter.stop();
  }

  /** For the registry's `onChange`. */
  instanceChanged(change: RegistryChange): void {
    this.#options.guard.observe(change);
    this.#trigger(change.isRemoval ? "removal" : "endpoints");
  }

  /** Instances that were held are not any more. */
  heldReleased(): void {
    this.#trigger("endpoints");
  }

  /** The roots of trust changed. */
  trustChanged(): void {
    this.#trigger("config");
  }

  /** Keys of issuers were fetched, or cannot be. */
  keysChanged(): void {
    this.#trigger("config");
  }

  /** Proxies reach this control plane from now on. */
  addressChanged(): void {
    this.#trigger("config");
  }

  /** Gives a proxy that just connected what all others have. */
  proxyConnected(entry: ProxyEntry): void {
    this.#given.delete(entry.key);
    this.#give(entry);
    this.#gatewayChanged(entry);
  }

  proxyGone(entry: ProxyEntry): void {
    this.#given.delete(entry.key);
    this.#options.translator.forget(entry.key);
    this.#gatewayChanged(entry);
  }

  /** What processes of gateways have bound is another thing than before. */
  gatewaysChanged(): void {
    this.#options.statusWriter.write(this.#report);
  }

  /** The status of a Gateway says whether it runs. */
  #gatewayChanged({ node }: ProxyEntry): void {
    if (node.scope.role === "gateway") this.#options.statusWriter.write(this.#report);
  }

  /** What the last translation found. */
  get report(): MeshReport {
    return this.#report;
  }

  /** What a proxy was given last. */
  snapshotOf(key: string): ProxySnapshot | undefined {
    return this.#given.get(key);
  }

  /** For the convergence metric. */
  proxyAcknowledged(revision: number): void {
    const causedMs = this.#causedMs.get(revision);
    if (causedMs === undefined) return;
    const { clock, metrics } = this.#options;
    metrics.convergenceSeconds.observe((clock.monotonicMs() - causedMs) / 1000);
  }

  async #load(): Promise<void> {
    const { objects, revision } = await this.#options.store.list();
    this.#options.objects.replaceAll(objects);
    this.#options.onRevocationsChanged?.();
    this.#seenRevision = revision;
  }

  /** What an earlier control plane left: indexes and instances. */
  #restore(): void {
    const { objects, serviceIndexes, registry, log } = this.#options;
    const routable = [...objects.list("Service"), ...objects.list("ExternalService")];
    for (const { metadata, status } of routable) {
      const name = `${metadata.namespace}/${metadata.name}`;
      if (status?.serviceIndex !== undefined) serviceIndexes.restore(name, status.serviceIndex);
      for (const [instance, index] of Object.entries(status?.instanceIndexes ?? {})) {
        serviceIndexes.restore(`${name}/${instance}`, index);
      }
    }
    const registered = objects.list("Workload").filter(isRegistered);
    for (const workload of registered) {
      const { health, maintenance } = workload.status ?? {};
      registry.restore(descriptionFromWorkload(workload), instanceHealth(health), maintenance);
    }
    if (registered.length > 0) log.info("instances restored", { count: registered.length });
  }

  /** Follows the store until it closes or this stops; starts over from a list when it fell behind. */
  async #follow(): Promise<void> {
    const { store, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const watch = store.watch({ fromRevision: this.#seenRevision, signal });
        for await (const events of watch) this.#onEvents(events);
        if (!signal.aborted) log.error("the store was closed; configuration stands still");
        return;
      } catch (error) {
        log.error("the store cannot be followed", { error: messageOf(error) });
        if (hasCode(error, "closed")) return;
        await this.#pause();
        if (hasCode(error, "compacted") && !signal.aborted) await this.#load();
        this.#trigger("config");
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.schedule(WATCH_RETRY_MS, resolve);
      this.#stopping.signal.addEventListener("abort", () => {
        timer.cancel();
        resolve();
      });
    });
  }

  #onEvents(events: readonly WatchEvent[]): void {
    let trigger: PushTrigger = "revision";
    for (const event of events) {
      this.#seenRevision = Math.max(this.#seenRevision, event.revision);
      this.#options.metrics.configEvents
        .with({ type: event.object.kind, event: EVENT_NAMES[event.type] })
        .add(1);
      if (!this.#isRelevant(event)) continue;
      // Access that was taken away is gone at once.
      if (event.object.kind === "Revocation") trigger = "removal";
      else if (isAboutAccess(event)) trigger = trigger === "removal" ? trigger : "access";
      else if (trigger === "revision") trigger = "config";
    }
    if (trigger === "removal") this.#options.onRevocationsChanged?.();
    this.#trigger(trigger);
  }

  #isRelevant(event: WatchEvent): boolean {
    const { objects, registry, onWorkloadLost } = this.#options;
    const relevance = objects.apply(event);
    const { object } = event;
    if (object.kind !== "Workload" || !isRegistered(object)) return relevance === "config";
    // The registry is the truth about its instances; their Workloads only follow.
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (event.type === "delete" && registry.get(key) !== undefined) onWorkloadLost(key);
    return false;
  }

  #trigger(kind: PushTrigger): void {
    const { clock, metrics } = this.#options;
    metrics.pushTriggers.with({ type: kind }).add(1);
    if (kind !== "revision") this.#firstCauseMs ??= clock.monotonicMs();
    this.#schedule.trigger(kind);
  }

  #push(triggers: ReadonlySet<PushTrigger>): void {
    const { clock, metrics, proxies } = this.#options;
    const startMs = clock.monotonicMs();
    const isRevisionOnly = triggers.size === 1 && triggers.has("revision");
    if (!isRevisionOnly && !this.#translate()) return;
    this.#translatedRevision = this.#seenRevision;
    this.#rememberCause(startMs);
    for (const entry of proxies.connected()) this.#give(entry);
    this.#reportScopedFaults();
    proxies.notify();
    metrics.pushTimeSeconds.observe((clock.monotonicMs() - startMs) / 1000);
  }

  /** Objects that only the translation for one proxy stumbled over. */
  #reportScopedFaults(): void {
    const { translator, metrics, statusWriter } = this.#options;
    const { faults } = translator;
    const before = this.#report.faults;
    if (faults === before) return;
    metrics.internalErrors.add(Math.max(0, faults.length - before.length));
    this.#report = { ...this.#report, faults };
    statusWriter.write(this.#report);
  }

  /** False when nothing at all could be translated: everything then stays as it is. */
  #translate(): boolean {
    const { objects, registry, guard, serviceIndexes, translator, metrics, log } = this.#options;
    try {
      this.#allocateIndexes();
      this.#options.onObjects?.(objects);
      const instances = registry.list();
      this.#options.keySets?.want([
        ...objects.list("RequestAuthentication"),
        ...attestorIssuers(objects.list("WorkloadAttestor")),
        ...objects.list("SecurityPolicy").map(({ spec: { oidc } }) => ({
          spec: { jwtRules: [{ ...oidc.provider, timeout: oidc.timeout }] },
        })),
      ]);
      const held = guard.update(guardedServices(objects), instances.filter(isServing));
      const report = translator.update(
        buildSnapshot({
          revision: this.#seenRevision,
          asOfMs: this.#options.clock.nowMs(),
          trustDomain: this.#options.trustDomain,
          trustBundlePem: this.#options.getTrustBundlePem(),
          identityPolicy: this.#options.getIdentityPolicy?.(),
          spiffeTrust: this.#options.spiffeTrust?.of(objects),
          controlPlaneAddress: this.#options.getControlPlaneAddress(),
          objects,
          keySets: this.#options.keySets?.sets,
          instances,
          held: held.flatMap((set) => set.instances),
          serviceIndexes,
        }),
      );
      metrics.internalErrors.add(report.faults.length);
      const findings = [
        ...report.findings,
        ...held.map(heldFinding),
        ...(this.#options.spiffeTrust?.findings ?? []),
      ];
      this.#report = { findings: withChecks(findings, objects), faults: report.faults };
      metrics.heldServices.set(held.length);
      this.#options.statusWriter.write(this.#report);
      this.#faultEnds.watch(objects.list("FaultPolicy"));
      return true;
    } catch (error) {
      metrics.internalErrors.add(1);
      log.error("the mesh cannot be translated; proxies keep what they have", { error });
      return false;
    }
  }

  #allocateIndexes(): void {
    const { objects, serviceIndexes, log } = this.#options;
    const services = [...objects.list("Service"), ...objects.list("ExternalService")].toSorted(
      (a, b) => revisionOf(a) - revisionOf(b),
    );
    const names = services.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const instances = wantedInstanceKeys(
      headlessServices(objects),
      [
        ...this.#options.registry.list().map(({ description }) => description),
        ...manualWorkloads(objects).map(({ metadata }) => metadata),
      ],
      serviceIndexes,
    );
    serviceIndexes.retain(new Set([...names, ...instances]));
    for (const name of [...names, ...instances]) {
      try {
        serviceIndexes.allocate(name);
      } catch (error) {
        log.error("a service gets no address", { service: name, error: messageOf(error) });
      }
    }
  }

  #give(entry: ProxyEntry): void {
    const { translator, setSnapshot, metrics } = this.#options;
    const { key, node, streamId } = entry;
    if (streamId === undefined) return;
    const snapshot = translator.forProxy(key, node.scope, this.#translatedRevision);
    if (snapshot === undefined) return;
    const before = this.#given.get(key);
    for (const [typeUrl, resources] of snapshot.resources) {
      if (before?.resources.get(typeUrl) === resources) continue;
      const type = shortTypeName(typeUrl).toLowerCase();
      metrics.pushes.with({ type }).add(1);
      let bytes = 0;
      for (const resource of resources.values()) bytes += resource.bytes.length;
      metrics.configSizes.with({ type }).observe(bytes);
    }
    this.#given.set(key, snapshot);
    setSnapshot(streamId, snapshot);
  }

  #rememberCause(startMs: number): void {
    const isKnown = this.#causedMs.has(this.#translatedRevision);
    if (!isKnown) this.#causedMs.set(this.#translatedRevision, this.#firstCauseMs ?? startMs);
    this.#firstCauseMs = undefined;
    for (const revision of this.#causedMs.keys()) {
      if (this.#causedMs.size <= PUSHES_REMEMBERED_MAX) break;
      this.#causedMs.delete(revision);
    }
  }
}

const ACCESS_KINDS: ReadonlySet<string> = new Set([
  ...["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "SecurityPolicy"],
]);

/** Whether people wait for it to hold. */
function isAboutAccess({ object }: WatchEvent): boolean {
  return ACCESS_KINDS.has(object.kind);
}
