/**
 * Instances that callers reach one by one. Each instance of a headless Service is a Service of its own here, which
 * leads to it alone: so it gets a listener, a cluster, TLS to its identity and the policies of its Service.
 */
import { isHeadless } from "../resource/kinds/service.ts";
import { keyOf } from "../resource/object.ts";
import type { Findings } from "./findings.ts";
import type { IndexedPort, IndexedService, MeshIndex } from "./mesh-index.ts";
import type { AddressedInstance, MeshService } from "./mesh-snapshot.ts";
import { outboundName, outboundTcpName, qualifiedName } from "./names.ts";

export interface InstanceService extends IndexedService {
  readonly instance: AddressedInstance;
  /** The Service whose instance it is. */
  readonly parent: IndexedService;
}

/** What `session-filter.ts` brings into listeners. */
const SESSION_FILTER = "envoy.filters.http.stateful_session";
/** RFC 1035 section 2.3.4, without the dot at the end. */
const NAME_LENGTH_MAX = 253;

/** In the order of Services, then of instances. */
export function instanceServices(index: MeshIndex, findings: Findings): readonly InstanceService[] {
  return index.snapshot.services
    .filter(({ resource }) => isHeadless(resource.spec))
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .flatMap((service) => {
      const parent = index.serviceByKey.get(nameOf(service));
      return parent === undefined ? [] : instancesOf(parent, service, findings);
    });
}

function nameOf({ resource }: MeshService): string {
  return qualifiedName(resource.metadata);
}

function instancesOf(
  parent: IndexedService,
  { resource, instances = [] }: MeshService,
  findings: Findings,
): readonly InstanceService[] {
  const place = { object: keyOf(resource), path: "spec.clusterIP" };
  const named = new Set(instances.map(({ name }) => name));
  const unnamed = new Set(
    parent.ports
      .flatMap(({ targets }) => targets.map(({ instance }) => instance.name))
      .filter((name) => !named.has(name)),
  );
  if (unnamed.size > 0) {
    const message = `${named.size} instances have a name of their own; ${unnamed.size} more are reached by the Service's alone`;
    findings.add("instance-unnamed", place, message);
  }
  return instances.flatMap((instance) => {
    const host = `${instance.name}.${parent.host}`;
    if (host.length <= NAME_LENGTH_MAX) return [instanceService(parent, instance, host)];
    findings.add("instance-unnamed", place, `${host} is longer than a name may be`);
    return [];
  });
}

/** Nothing stands in for it and no session chooses it: it is the only one. */
function instanceService(
  parent: IndexedService,
  instance: AddressedInstance,
  host: string,
): InstanceService {
  const { failover: _, sessionPersistence: __, ...settings } = parent.settings;
  const { outbound, ...filters } = parent.filters;
  return {
    ...parent,
    ...{ parent, instance, host, settings },
    service: { ...parent.service, serviceIndex: instance.serviceIndex },
    filters: { ...filters, outbound: outbound.filter(({ name }) => name !== SESSION_FILTER) },
    ports: parent.ports.map((port) => instancePort(port, host, instance.name)),
  };
}

function instancePort(port: IndexedPort, host: string, instance: string): IndexedPort {
  const name = outboundName(host, port.port.port);
  const detectedName = outboundTcpName(host, port.port.port);
  const ownTcp = port.protocol === "undeclared" ? detectedName : name;
  const tcpCluster = port.tcpCluster === undefined ? undefined : ownTcp;
  return {
    ...port,
    ...{ name, tcpCluster, requestCluster: name, streamCluster: tcpCluster },
    targets: port.targets.filter((target) => target.instance.name === instance),
  };
}
