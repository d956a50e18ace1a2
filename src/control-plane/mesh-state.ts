/**
 * The state of the mesh and what follows it: objects, instances, indexes, proxies and the reconciler between
 * them. Wired here; it opens no port.
 */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { IdentityPolicy } from "../identity/identity-policy.ts";
import type { Store } from "../store/store.ts";
import { Translator } from "../translate/translate.ts";
import type { ProxyRecord } from "../xds/proxy-record.ts";
import type { ProxySnapshot } from "../xds/snapshot.ts";
import { EmptySetGuard } from "./empty-set-guard.ts";
import type { SpiffeTrustSource } from "./federation/spiffe-trust-source.ts";
import { GatewayListeners } from "./gateway-listeners.ts";
import { KeySetKeeper } from "./jwks/key-set-keeper.ts";
import { MeshSettings } from "./mesh-settings.ts";
import type { ControlPlaneMetrics } from "./metrics.ts";
import { ObjectCache } from "./object-cache.ts";
import { ProxyDirectory } from "./proxy-directory.ts";
import { Reconciler } from "./reconciler.ts";
import { Registry } from "./registry.ts";
import { ServiceIndexes } from "./service-index.ts";
import { SnapshotTranslator } from "./snapshot-translator.ts";
import { StatusWriter } from "./status-writer.ts";
import { WorkloadRecorder } from "./workload-recorder.ts";

export interface MeshStateOptions {
  readonly store: Store;
  readonly trustDomain: string;
  readonly getTrustBundlePem: () => string;
  readonly getIdentityPolicy?: () => IdentityPolicy;
  /** Called with the mesh's objects before each translation. */
  readonly onObjects?: (objects: ObjectCache) => void;
  /** Keys for tokens, and other trust domains. */
  readonly spiffeTrust?: SpiffeTrustSource;
  /** Revocations were written or deleted; `objects` has them. */
  readonly onRevocationsChanged?: () => void;
  /** Empty before it listens. */
  readonly getControlPlaneAddress?: () => string;
  /** Where fetched keys of issuers are kept. Undefined: nowhere. */
  readonly keySetsPath?: string | undefined;
  /** Both of the ADS server. */
  readonly setSnapshot: (streamId: string, snapshot: ProxySnapshot) => void;
  readonly recordOf: (streamId: string) => ProxyRecord | undefined;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MeshState {
  readonly objects: ObjectCache;
  readonly settings: MeshSettings;
  readonly registry: Registry;
  readonly recorder: WorkloadRecorder;
  readonly serviceIndexes: ServiceIndexes;
  readonly proxies: ProxyDirectory;
  readonly reconciler: Reconciler;
  readonly keySets: KeySetKeeper;
}

export function createMeshState(options: MeshStateOptions): MeshState {
  const { store, clock, log, metrics } = options;
  const objects = new ObjectCache();
  const settings = new MeshSettings(objects);
  const serviceIndexes = new ServiceIndexes();
  const registry = new Registry({
    clock,
    getTimes: () => settings.registryTimes,
    onChange: (change) => {
      recorder.record(change.key);
      reconciler.instanceChanged(change);
    },
  });
  const guard = new EmptySetGuard({
    clock,
    getHoldMs: () => settings.emptySetHoldMs,
    onReleased: () => reconciler.heldReleased(),
  });
  const recorder = new WorkloadRecorder({
    store,
    instanceOf: (key) => registry.get(key),
    clock,
    log: log.child("registry"),
  });
  const proxies = new ProxyDirectory({
    clock,
    recordOf: options.recordOf,
    translatedRevision: () => reconciler.translatedRevision,
  });
  const keySets = new KeySetKeeper({
    path: options.keySetsPath,
    getAllowedAddresses: () => settings.fetchableAddresses,
    onChanged: () => reconciler.keysChanged(),
    metrics,
    clock,
    log: log.child("keys"),
  });
  const gatewayListeners = new GatewayListeners({
    proxies,
    onChanged: () => reconciler.gatewaysChanged(),
    clock,
  });
  const reconciler = new Reconciler({
    store,
    objects,
    registry,
    guard,
    serviceIndexes,
    keySets,
    proxies,
    translator: new SnapshotTranslator({
      translate: new Translator(),
      log: log.child("translate"),
    }),
    statusWriter: new StatusWriter({
      ...{ store, objects, serviceIndexes, clock, log },
      gatewayProcesses: (gateway) => gatewayListeners.processesOf(gateway),
    }),
    gatewayListeners,
    setSnapshot: options.setSnapshot,
    trustDomain: options.trustDomain,
    getTrustBundlePem: options.getTrustBundlePem,
    getIdentityPolicy: options.getIdentityPolicy ?? (() => undefined),
    spiffeTrust: options.spiffeTrust,
    onObjects: options.onObjects,
    onRevocationsChanged: options.onRevocationsChanged ?? (() => {}),
    getControlPlaneAddress: options.getControlPlaneAddress ?? (() => ""),
    onWorkloadLost: (key) => recorder.record(key),
    metrics,
    clock,
    log: log.child("reconciler"),
  });
  return { objects, settings, registry, recorder, serviceIndexes, proxies, reconciler, keySets };
}
