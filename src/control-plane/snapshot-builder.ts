/** Builds the picture of the mesh that translation reads, from the store's objects and the registry. Pure. */
import type { IdentityPolicy } from "../identity/identity-policy.ts";
import type { ObjectOf } from "../resource/kind-map.ts";
import { isHeadless } from "../resource/kinds/service.ts";
import { INSTANCE_WEIGHT_MAX } from "../resource/kinds/workload.ts";
import type { FetchedKeySets } from "../translate/jwt/key-source.ts";
import type {
  AddressedInstance,
  MeshExternalService,
  MeshInstance,
  MeshInstanceHealth,
  MeshService,
  MeshSnapshot,
  SpiffeTrust,
} from "../translate/mesh-snapshot.ts";
import { type Instance, instanceKey, isServing } from "./instance.ts";
import { addressedInstances } from "./instance-indexes.ts";
import type { ObjectCache } from "./object-cache.ts";
import { effectiveRoutes } from "./rollout/route-overlay.ts";
import type { ServiceIndexes } from "./service-index.ts";
import { isRegistered } from "./workload-object.ts";

/** The label by which an instance says its share. */
const WEIGHT_LABEL = "mesh.tulle.dev/weight";

export interface SnapshotSource {
  readonly revision: number;
  /** Now, in milliseconds since the epoch. */
  readonly asOfMs: number;
  readonly trustDomain: string;
  readonly trustBundlePem: string;
  readonly identityPolicy?: IdentityPolicy | undefined;
  readonly spiffeTrust?: SpiffeTrust | undefined;
  /** Where proxies reach this control plane; empty before it listens. */
  readonly controlPlaneAddress?: string;
  readonly objects: ObjectCache;
  /** Keys of issuers that were fetched. */
  readonly keySets?: FetchedKeySets | undefined;
  readonly instances: readonly Instance[];
  /** Instances that are lost and served all the same. */
  readonly held?: readonly Instance[];
  readonly serviceIndexes: ServiceIndexes;
}

/** Services without an index are left out: the allocator gives each one before it is translated. */
export function buildSnapshot(source: SnapshotSource): MeshSnapshot {
  const { objects } = source;
  const held = new Map((source.held ?? []).map((one) => [instanceKey(one.description), one]));
  const registered = [
    ...source.instances.filter(({ description }) => !held.has(instanceKey(description))),
    ...held.values(),
  ].map((instance) => fromInstance(instance, held));
  const instances = [...registered, ...manualWorkloads(objects).map(fromWorkload)];
  return {
    revision: source.revision,
    asOfMs: source.asOfMs,
    trustDomain: source.trustDomain,
    trustBundlePem: source.trustBundlePem,
    ...(source.identityPolicy === undefined ? {} : { identityPolicy: source.identityPolicy }),
    ...(source.spiffeTrust === undefined ? {} : { spiffeTrust: source.spiffeTrust }),
    controlPlaneAddress: source.controlPlaneAddress ?? "",
    meshConfig: objects.list("MeshConfig")[0],
    services: objects.list("Service").flatMap((resource): readonly MeshService[] => {
      const { namespace, name } = resource.metadata;
      const serviceIndex = source.serviceIndexes.get(`${namespace}/${name}`);
      if (serviceIndex === undefined) return [];
      if (!isHeadless(resource.spec)) return [{ resource, serviceIndex }];
      const addressed = addressedInstances(resource, instances, source.serviceIndexes);
      return [{ resource, serviceIndex, instances: addressed.map(addressedInstance) }];
    }),
    externalServices: objects
      .list("ExternalService")
      .flatMap((resource): readonly MeshExternalService[] => {
        const { namespace, name } = resource.metadata;
        const serviceIndex = source.serviceIndexes.get(`${namespace}/${name}`);
        return serviceIndex === undefined ? [] : [{ resource, serviceIndex }];
      }),
    ...effectiveRoutes(objects),
    tlsRoutes: objects.list("TLSRoute"),
    rateLimitPolicies: objects.list("RateLimitPolicy"),
    routeFilters: objects.list("RouteFilter"),
    trafficPolicies: objects.list("TrafficPolicy"),
    cachePolicies: objects.list("CachePolicy"),
    faultPolicies: objects.list("FaultPolicy"),
    gateways: objects.list("Gateway"),
    securityPolicies: objects.list("SecurityPolicy"),
    requestAuthentications: objects.list("RequestAuthentication"),
    ...(source.keySets === undefined ? {} : { keySets: source.keySets }),
    peerAuthentications: objects.list("PeerAuthentication"),
    authorizationPolicies: objects.list("AuthorizationPolicy"),
    telemetryPolicies: objects.list("TelemetryPolicy"),
    instances,
  };
}

function addressedInstance({
  instance,
  serviceIndex,
}: {
  readonly instance: MeshInstance;
  readonly serviceIndex: number;
}): AddressedInstance {
  const isUsable = instance.health === "healthy" || instance.health === "unknown";
  return { name: instance.name, serviceIndex, isUsable };
}

/** An instance says its share by a label, as its other properties: `tulle run --label mesh.tulle.dev/weight=3`. */
function labelledWeight(labels: Readonly<Record<string, string>>): number {
  const weight = Number(labels[WEIGHT_LABEL] ?? "1");
  return Number.isInteger(weight) && weight >= 1 && weight <= INSTANCE_WEIGHT_MAX ? weight : 1;
}

/** Workloads that people wrote; those that the registry wrote are pictures of its instances. */
export function manualWorkloads(objects: ObjectCache): readonly ObjectOf<"Workload">[] {
  return objects.list("Workload").filter((workload) => !isRegistered(workload));
}

function fromInstance(instance: Instance, held: ReadonlyMap<string, Instance>): MeshInstance {
  const { description } = instance;
  return {
    name: description.name,
    namespace: description.namespace,
    serviceAccount: description.serviceAccount,
    labels: description.labels,
    zone: description.zone,
    address: description.address,
    ports: description.ports,
    // Of one that is held nothing is known: callers find out for themselves.
    health: held.has(instanceKey(description)) ? "unknown" : healthOf(instance),
    weight: labelledWeight(description.labels),
  };
}

function healthOf(instance: Instance): MeshInstanceHealth {
  if (isServing(instance)) return "healthy";
  const isLeaving = instance.state === "draining" || instance.isInMaintenance;
  return isLeaving ? "draining" : "unhealthy";
}

function fromWorkload(workload: ObjectOf<"Workload">): MeshInstance {
  const { metadata, spec } = workload;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    serviceAccount: spec.serviceAccount,
    ...(spec.trustDomain === undefined ? {} : { trustDomain: spec.trustDomain }),
    labels: metadata.labels,
    zone: spec.zone,
    address: spec.address,
    ports: spec.ports.map((port) => ({
      name: port.name ?? "",
      port: port.port,
      ...(port.inboundPort === undefined ? {} : { inboundPort: port.inboundPort }),
      protocol: port.protocol,
    })),
    // Nobody reports its health: it gets traffic, and callers' load balancers judge for themselves.
    health: workload.status?.maintenance === true ? "draining" : "unknown",
    weight: spec.weight ?? labelledWeight(metadata.labels),
  };
}
