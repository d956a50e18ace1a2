/** The snapshot, resolved once: which ports are routed, which instances stand behind each, under which names. */
import type { AccessLog } from "../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import { type PortProtocol, portProtocol, type ServicePort } from "../resource/kinds/service.ts";
import { keyOf } from "../resource/object.ts";
import { accessLogs } from "./access-log.ts";
import type { Findings } from "./findings.ts";
import type { MeshInstance, MeshService, MeshSnapshot } from "./mesh-snapshot.ts";
import { compareText, outboundName, qualifiedName, serviceHost } from "./names.ts";
import { resolveTargets, type Target } from "./target.ts";
import {
  resolveTrafficSettings,
  type TrafficSettings,
  type TrafficSettingsOf,
} from "./traffic-settings.ts";

/** A Service, with the ports of it that are routed. */
export interface IndexedService {
  readonly service: MeshService;
  /** `default/catalog`. */
  readonly key: string;
  readonly host: string;
  readonly settings: TrafficSettings;
  /** HTTP ports only, by number. */
  readonly ports: readonly IndexedPort[];
}

/** One routed port of a Service. */
export interface IndexedPort {
  readonly port: ServicePort;
  /** Name of its cluster, load assignment and route configuration. */
  readonly name: string;
  /** Ordered by instance name. */
  readonly targets: readonly Target[];
}

export interface MeshIndex {
  readonly snapshot: MeshSnapshot;
  /** By namespace and name. */
  readonly services: readonly IndexedService[];
  /** By `namespace/name`. */
  readonly serviceByKey: ReadonlyMap<string, IndexedService>;
  /** What every listener writes. */
  readonly accessLogs: readonly AccessLog[];
}

/** `http2` ports come with the HTTP/2 issue; an undeclared port is taken for HTTP. */
const ROUTED_PROTOCOLS: ReadonlySet<PortProtocol> = new Set(["http", "undeclared"]);

export function buildMeshIndex(snapshot: MeshSnapshot, findings: Findings): MeshIndex {
  const settingsOf = resolveTrafficSettings(snapshot, findings);
  const select = instanceSelector(snapshot.instances);
  const services = snapshot.services
    .map((service) => indexService(service, { snapshot, settingsOf, select, findings }))
    .sort((a, b) => compareText(a.key, b.key));
  const serviceByKey = new Map(services.map((service) => [service.key, service]));
  const config = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  return { snapshot, services, serviceByKey, accessLogs: accessLogs(config.accessLog) };
}

interface IndexContext {
  readonly snapshot: MeshSnapshot;
  readonly settingsOf: TrafficSettingsOf;
  readonly select: SelectInstances;
  readonly findings: Findings;
}

function indexService(service: MeshService, context: IndexContext): IndexedService {
  const { metadata, spec } = service.resource;
  const key = qualifiedName(metadata);
  const host = serviceHost(metadata, context.snapshot.trustDomain);
  const instances = context.select(metadata.namespace, spec.selector ?? {});
  const ports: IndexedPort[] = [];
  const object = keyOf(service.resource);
  const report = { findings: context.findings, place: { object, path: "" } };
  for (const [index, port] of spec.ports.entries()) {
    if (port.protocol === "TCP" && ROUTED_PROTOCOLS.has(portProtocol(port))) {
      const name = outboundName(host, port.port);
      ports.push({ port, name, targets: resolveTargets(port, instances, report) });
      continue;
    }
    const spoken = port.protocol === "TCP" ? (port.appProtocol ?? port.name) : port.protocol;
    context.findings.add(
      "protocol-unsupported",
      { object, path: `spec.ports[${index}]` },
      `port ${port.port} speaks ${spoken}; only HTTP/1.1 is routed`,
    );
  }
  ports.sort((a, b) => a.port.port - b.port.port);
  return { service, key, host, settings: context.settingsOf(key), ports };
}

type Labels = Readonly<Record<string, string>>;
type SelectInstances = (namespace: string, selector: Labels) => readonly MeshInstance[];

/** Instances of a namespace by one label each, so that a selector looks at few of them. */
function instanceSelector(instances: readonly MeshInstance[]): SelectInstances {
  const byLabel = new Map<string, MeshInstance[]>();
  const sorted = instances.toSorted((a, b) => compareText(qualifiedName(a), qualifiedName(b)));
  for (const instance of sorted) {
    for (const [label, value] of Object.entries(instance.labels)) {
      const key = labelKey(instance.namespace, label, value);
      const list = byLabel.get(key);
      if (list === undefined) byLabel.set(key, [instance]);
      else list.push(instance);
    }
  }
  return (namespace, selector) => {
    const shortest = Object.entries(selector)
      .map(([label, value]) => byLabel.get(labelKey(namespace, label, value)) ?? [])
      .sort((a, b) => a.length - b.length)[0];
    return (shortest ?? []).filter((instance) => isSelected(instance.labels, selector));
  };
}

function labelKey(namespace: string, label: string, value: string): string {
  return `${namespace}\n${label}\n${value}`;
}

/** Whether these labels are selected. An empty selector selects nothing: its endpoints are others' business. */
export function isSelected(labels: Labels, selector: Labels | undefined): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([label, value]) => labels[label] === value);
}
