/**
 * Which names apps may ask for, made once per snapshot: only addresses differ from sidecar to sidecar, and which
 * names may be short from namespace to namespace. Kubernetes' forms: a Service's, its ports' (SRV), its instances'.
 */
import { keyOf } from "../resource/object.ts";
import type { Findings } from "./findings.ts";
import type { InstanceService } from "./instance-services.ts";
import { listenPortOf } from "./loopback-block.ts";
import type { IndexedService, MeshIndex } from "./mesh-index.ts";
import { qualifiedName } from "./names.ts";

/** What the port of a Service is found by: `_http._tcp.catalog.default.svc.tulle.local`. */
export interface PlannedService {
  readonly portName: string;
  readonly targets: readonly { readonly host: string; readonly port: number }[];
}

export interface PlannedName {
  readonly namespace: string;
  /** Names that hold everywhere. */
  readonly names: readonly string[];
  /** The one that holds for callers of the same namespace. */
  readonly nearName: string | undefined;
  /** Positions in a sidecar's block. */
  readonly serviceIndexes: readonly number[];
  readonly services: readonly PlannedService[];
}

export interface DnsPlan {
  /** Undefined: no sidecar answers name queries. */
  readonly settings: { readonly servers: readonly string[]; readonly timeout: string } | undefined;
  /** Where every name is the mesh's. */
  readonly zone: string;
  /** Of two with one name the first holds. */
  readonly planned: readonly PlannedName[];
}

const DNS_NAME =
  /^(?:\*\.)?[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?)*$/;
const NAME_LENGTH_MAX = 253;

export function planDns(
  index: MeshIndex,
  instances: readonly InstanceService[],
  findings: Findings,
): DnsPlan {
  const zone = `svc.${index.snapshot.trustDomain}`;
  const dns = index.snapshot.meshConfig?.spec.dns ?? DEFAULTS;
  if (!dns.enabled) return { settings: undefined, zone, planned: [] };
  const byParent = new Map<string, InstanceService[]>();
  for (const one of instances) {
    const list = byParent.get(one.parent.key);
    if (list === undefined) byParent.set(one.parent.key, [one]);
    else list.push(one);
  }
  const planned = [
    ...index.services.map((service) => plannedService(service, byParent.get(service.key) ?? [])),
    ...instances.map(plannedInstance),
    ...index.services.flatMap((service) => plannedHosts(service, findings)),
  ];
  return { settings: dns, zone, planned };
}

const DEFAULTS = { enabled: true, servers: [], timeout: "2s" };

export function isDnsName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && DNS_NAME.test(name);
}

/** A headless Service is all of its instances, each by itself; while there are none, its own address. */
function plannedService(
  service: IndexedService,
  instances: readonly InstanceService[],
): PlannedName {
  const { name, namespace } = service.service.resource.metadata;
  const usable = instances.filter(({ instance }) => instance.isUsable);
  const targets = usable.length === 0 ? [service] : usable;
  return {
    namespace,
    nearName: name,
    names: [`${name}.${namespace}`, `${name}.${namespace}.svc`, service.host],
    serviceIndexes: targets.map((target) => target.service.serviceIndex),
    services: servicesOf(
      service,
      targets.map(({ host }) => host),
    ),
  };
}

function plannedInstance({ service, parent, instance, host }: InstanceService): PlannedName {
  const { name, namespace } = parent.service.resource.metadata;
  const near = `${instance.name}.${name}`;
  return {
    namespace,
    nearName: near,
    names: [`${near}.${namespace}`, `${near}.${namespace}.svc`, host],
    serviceIndexes: [service.serviceIndex],
    services: [],
  };
}

/** The names by which hosts outside the mesh are known to everybody. */
function plannedHosts(service: IndexedService, findings: Findings): readonly PlannedName[] {
  const { external } = service;
  if (external === undefined) return [];
  return external.spec.hosts.flatMap((host, position) => {
    if (!isDnsName(host)) {
      const place = { object: keyOf(external), path: `spec.hosts[${position}]` };
      const message = `${JSON.stringify(host)} is no name that can be asked for`;
      findings.add(
        "field-ignored",
        place,
        `${message}; callers reach ${qualifiedName(external.metadata)} by its own`,
      );
      return [];
    }
    return [
      {
        namespace: external.metadata.namespace,
        nearName: undefined,
        names: [host],
        serviceIndexes: [service.service.serviceIndex],
        services: host.startsWith("*") ? [] : servicesOf(service, [host]),
      },
    ];
  });
}

/** A port without a name is known by what it speaks. */
function servicesOf(
  { ports }: IndexedService,
  hosts: readonly string[],
): readonly PlannedService[] {
  return ports.map(({ port, protocol }) => ({
    portName: port.name ?? (protocol === "undeclared" ? "tcp" : protocol),
    targets: hosts.map((host) => ({ host, port: listenPortOf(port.port) })),
  }));
}
