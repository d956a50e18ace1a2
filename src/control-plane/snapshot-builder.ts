/** Builds the picture of the mesh that translation reads, from the store's objects and the registry. Pure. */
import type { ObjectOf } from "../resource/kind-map.ts";
import type {
  MeshInstance,
  MeshInstanceHealth,
  MeshService,
  MeshSnapshot,
} from "../translate/mesh-snapshot.ts";
import { type Instance, isServing } from "./instance.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { ServiceIndexes } from "./service-index.ts";
import { isRegistered } from "./workload-object.ts";

export interface SnapshotSource {
  readonly revision: number;
  readonly trustDomain: string;
  readonly trustBundlePem: string;
  readonly objects: ObjectCache;
  readonly instances: readonly Instance[];
  readonly serviceIndexes: ServiceIndexes;
}

/** Services without an index are left out: the allocator gives each one before it is translated. */
export function buildSnapshot(source: SnapshotSource): MeshSnapshot {
  const { objects } = source;
  const registered = source.instances.map(fromInstance);
  return {
    revision: source.revision,
    trustDomain: source.trustDomain,
    trustBundlePem: source.trustBundlePem,
    meshConfig: objects.list("MeshConfig")[0],
    services: objects.list("Service").flatMap((resource): readonly MeshService[] => {
      const { namespace, name } = resource.metadata;
      const serviceIndex = source.serviceIndexes.get(`${namespace}/${name}`);
      return serviceIndex === undefined ? [] : [{ resource, serviceIndex }];
    }),
    grpcRoutes: objects.list("GRPCRoute"),
    httpRoutes: objects.list("HTTPRoute"),
    tcpRoutes: objects.list("TCPRoute"),
    tlsRoutes: objects.list("TLSRoute"),
    trafficPolicies: objects.list("TrafficPolicy"),
    instances: [...registered, ...manualWorkloads(objects).map(fromWorkload)],
  };
}

/** Workloads that people wrote; those that the registry wrote are pictures of its instances. */
export function manualWorkloads(objects: ObjectCache): readonly ObjectOf<"Workload">[] {
  return objects.list("Workload").filter((workload) => !isRegistered(workload));
}

function fromInstance(instance: Instance): MeshInstance {
  const { description } = instance;
  return {
    name: description.name,
    namespace: description.namespace,
    serviceAccount: description.serviceAccount,
    labels: description.labels,
    zone: description.zone,
    address: description.address,
    ports: description.ports,
    health: healthOf(instance),
  };
}

function healthOf(instance: Instance): MeshInstanceHealth {
  if (isServing(instance)) return "healthy";
  return instance.state === "draining" ? "draining" : "unhealthy";
}

function fromWorkload(workload: ObjectOf<"Workload">): MeshInstance {
  const { metadata, spec } = workload;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    serviceAccount: spec.serviceAccount,
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
    health: "unknown",
  };
}
