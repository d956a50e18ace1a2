/** Clusters that stand for a Service and for those that take over from it: Envoy's aggregate clusters. */
import { create } from "@bufbuild/protobuf";
import { Cluster_LbPolicy, ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterConfigSchema } from "../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js";
import { durationMs } from "../resource/duration.ts";
import type { FailoverTarget } from "../resource/kinds/traffic-settings.ts";
import { keyOf } from "../resource/object.ts";
import { mayBeHttp } from "../resource/port-protocol.ts";
import { circuitBreakers } from "./circuit-breakers.ts";
import type { Findings } from "./findings.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "./mesh-index.ts";
import { duration, pack, resourceOf } from "./message.ts";
import { qualifiedName } from "./names.ts";
import type { XdsResource } from "./translation.ts";

/** The clusters that routes name instead of the port's own. None without a policy that says so. */
export function failoverClusters(
  service: IndexedService,
  port: IndexedPort,
  index: MeshIndex,
): readonly XdsResource[] {
  const { requestCluster, streamCluster } = port;
  const clusters: XdsResource[] = [];
  if (mayBeHttp(port.protocol) && requestCluster !== port.name) {
    const members = [port.name, ...backupsOf(service, port, index).map(({ name }) => name)];
    clusters.push(aggregate(requestCluster, members, service));
  }
  if (streamCluster !== undefined && streamCluster !== port.tcpCluster) {
    const backups = backupsOf(service, port, index).flatMap(({ tcpCluster }) => tcpCluster ?? []);
    clusters.push(aggregate(streamCluster, [port.tcpCluster ?? "", ...backups], service));
  }
  return clusters;
}

/** Services that a policy names and that are not there. */
export function reportFailoverTargets(index: MeshIndex, findings: Findings): void {
  for (const { settings, ports } of index.services) {
    const { policy, failover } = settings;
    if (policy === undefined || failover === undefined) continue;
    for (const [position, target] of failover.entries()) {
      const key = qualifiedName(namedFrom(target, policy.metadata.namespace));
      const known = index.serviceByKey.get(key);
      const place = { object: keyOf(policy), path: `spec.failover[${position}]` };
      if (known === undefined) {
        findings.add("backend-not-found", place, `there is no Service ${key}`);
      } else if (!ports.some((port) => backupPort(known, target, port) !== undefined)) {
        const wanted = target.port ?? ports.map(({ port }) => port.port).join(" or ");
        findings.add("backend-not-found", place, `Service ${key} has no port ${wanted}`);
      }
    }
  }
}

function backupsOf(
  { settings, service }: IndexedService,
  port: IndexedPort,
  index: MeshIndex,
): readonly IndexedPort[] {
  const { namespace } = service.resource.metadata;
  const backups = (settings.failover ?? []).flatMap((target) => {
    const known = index.serviceByKey.get(qualifiedName(namedFrom(target, namespace)));
    return (known === undefined ? undefined : backupPort(known, target, port)) ?? [];
  });
  return [...new Set(backups)].filter((backup) => backup !== port);
}

function backupPort(
  service: IndexedService,
  target: FailoverTarget,
  port: IndexedPort,
): IndexedPort | undefined {
  return service.ports.find((candidate) => candidate.port.port === (target.port ?? port.port.port));
}

function namedFrom(target: FailoverTarget, namespace: string) {
  return { name: target.name, namespace: target.namespace ?? namespace };
}

/** Endpoints, connections and health are those of its members; of its own it has the limits of retries. */
function aggregate(
  name: string,
  members: readonly string[],
  { settings }: IndexedService,
): XdsResource {
  const config = create(ClusterConfigSchema, { clusters: [...members] });
  const cluster = create(ClusterSchema, {
    name,
    clusterDiscoveryType: {
      case: "clusterType",
      value: { name: "envoy.clusters.aggregate", typedConfig: pack(ClusterConfigSchema, config) },
    },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: duration(durationMs(settings.connectTimeout)),
    circuitBreakers: circuitBreakers(settings),
  });
  return resourceOf(ClusterSchema, name, cluster);
}
