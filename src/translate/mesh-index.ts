/** The snapshot, resolved once: which ports are routed, which instances stand behind each, under which names. */
import { durationMs } from "../resource/duration.ts";
import { type ExternalService, servicePorts } from "../resource/kinds/external-service.ts";
import type { HttpRoute } from "../resource/kinds/http-route.ts";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import type { RouteFilter } from "../resource/kinds/route-filter.ts";
import type { ServicePort } from "../resource/kinds/service.ts";
import { keyOf, type MeshObject } from "../resource/object.ts";
import { effectiveProtocol, mayBeOpaque, type PortProtocol } from "../resource/port-protocol.ts";
import { CORS_FILTER } from "./filters/cors-filter.ts";
import type { FilterContribution } from "./filters/filter-contribution.ts";
import {
  resolveServiceFilters,
  type ServiceFilters,
  type ServiceFiltersOf,
} from "./filters/service-filters.ts";
import type { Findings } from "./findings.ts";
import { type Authentication, resolveAuthentication } from "./jwt/authentication.ts";
import type {
  MeshExternalService,
  MeshInstance,
  MeshService,
  MeshSnapshot,
} from "./mesh-snapshot.ts";
import {
  compareText,
  failoverName,
  outboundName,
  outboundTcpName,
  qualifiedName,
  serviceHost,
} from "./names.ts";
import { type PathNormalizationFields, pathNormalizationFields } from "./path-normalization.ts";
import { type PeerAuthenticationIndex, resolvePeerAuthentication } from "./peer-authentication.ts";
import { type Authorization, resolveAuthorization } from "./rbac/authorization.ts";
import { servicesWithClaimRoutes } from "./route/claim-match.ts";
import { routeAuthFilters } from "./route/external-auth.ts";
import { servicesWithSessions, sessionContribution } from "./session-filter.ts";
import { resolveTargets, type Target } from "./target.ts";
import { resolveTelemetry, type TelemetryIndex } from "./telemetry/telemetry-index.ts";
import {
  resolveTrafficSettings,
  type TrafficSettings,
  type TrafficSettingsOf,
} from "./traffic-settings.ts";
import { trustedHops } from "./trusted-hops.ts";

/** A Service or an ExternalService: what callers reach by a name and a port. */
export interface RoutableService {
  readonly resource: MeshObject<"Service" | "ExternalService"> & {
    readonly spec: {
      readonly ports: readonly ServicePort[];
      readonly selector?: Labels | undefined;
    };
  };
  readonly serviceIndex: number;
}

/** A Service, with the ports of it that are routed. */
export interface IndexedService {
  readonly service: RoutableService;
  /** Set when it lies outside the mesh. */
  readonly external: ExternalService | undefined;
  /** `default/catalog`. */
  readonly key: string;
  readonly host: string;
  readonly settings: TrafficSettings;
  readonly filters: ServiceFilters;
  /** By number. */
  readonly ports: readonly IndexedPort[];
}

/** One routed port of a Service. */
export interface IndexedPort {
  readonly port: ServicePort;
  /** Name of its cluster, load assignment and route configuration. */
  readonly name: string;
  /** What is made of it, and why. */
  readonly protocol: PortProtocol;
  readonly protocolOrigin: string;
  /** The cluster of connections that are passed through; undefined when there can be none. */
  readonly tcpCluster: string | undefined;
  /** What routes name: the port's own clusters, or those that lead to other Services too when it is unwell. */
  readonly requestCluster: string;
  readonly streamCluster: string | undefined;
  readonly isExternal: boolean;
  /** Ordered by instance name. */
  readonly targets: readonly Target[];
}

export interface MeshIndex {
  readonly snapshot: MeshSnapshot;
  /** By namespace and name. */
  readonly services: readonly IndexedService[];
  /** By `namespace/name`. */
  readonly serviceByKey: ReadonlyMap<string, IndexedService>;
  /** By `namespace/name`, for routes that others delegate to. */
  readonly routeByKey: ReadonlyMap<string, HttpRoute>;
  /** By `namespace/name`. */
  readonly routeFilters: ReadonlyMap<string, RouteFilter>;
  /** For routes that have a policy of their own. */
  readonly settingsOf: TrafficSettingsOf;
  /** What asks about requests of routes that say so, by Service or Gateway (`namespace/name`). */
  readonly routeAuth: ReadonlyMap<string, readonly FilterContribution[]>;
  /** Whose users requests are. */
  readonly authentication: Authentication;
  /** Who may call whom. */
  readonly authorization: Authorization;
  /** What is told of requests. */
  readonly telemetry: TelemetryIndex;
  /** Of a stream without a byte, in milliseconds, where no TrafficPolicy says otherwise; 0 for none. */
  readonly streamIdleTimeoutMs: number;
  /** Milliseconds that the first bytes of a connection are waited for; 0 for no limit. */
  readonly detectionTimeoutMs: number;
  /** Of `x-forwarded-for` as an app's sidecar gets it. */
  readonly trustedHops: number;
  /** What every listener makes of paths. */
  readonly paths: PathNormalizationFields;
  /** Whether workloads take mutual TLS. */
  readonly peers: PeerAuthenticationIndex;
}

export function buildMeshIndex(snapshot: MeshSnapshot, findings: Findings): MeshIndex {
  const settingsOf = resolveTrafficSettings(snapshot, findings);
  const filtersOf = resolveServiceFilters(snapshot, findings);
  const select = instanceSelector(snapshot.instances);
  const config = snapshot.meshConfig?.spec ?? defaultMeshConfigSpec();
  const { opaquePorts, timeout } = config.protocolDetection;
  const authentication = resolveAuthentication(snapshot, findings);
  const peers = resolvePeerAuthentication(snapshot, findings);
  const context = {
    snapshot,
    opaquePorts,
    settingsOf,
    filtersOf,
    authentication,
    sessions: servicesWithSessions(snapshot),
    routeAuth: routeAuthFilters(snapshot),
    claimRoutes: servicesWithClaimRoutes(snapshot),
    select,
    peers,
    findings,
  };
  const services = [
    ...snapshot.services.map((service) => indexService(service, context)),
    ...externalServices(snapshot, findings).map((service) => indexService(service, context)),
  ].sort((a, b) => compareText(a.key, b.key));
  const serviceByKey = new Map(services.map((service) => [service.key, service]));
  return {
    snapshot,
    services,
    serviceByKey,
    settingsOf,
    routeByKey: new Map(snapshot.httpRoutes.map((route) => [qualifiedName(route.metadata), route])),
    routeFilters: new Map(
      snapshot.routeFilters.map((filter) => [qualifiedName(filter.metadata), filter]),
    ),
    routeAuth: context.routeAuth,
    authentication,
    authorization: resolveAuthorization(snapshot, findings),
    telemetry: resolveTelemetry(snapshot, findings),
    streamIdleTimeoutMs: durationMs(config.defaults.timeouts.idle),
    trustedHops: trustedHops(config.numTrustedProxies),
    paths: pathNormalizationFields(config.pathNormalization),
    peers,
    detectionTimeoutMs: durationMs(timeout),
  };
}

interface IndexContext {
  readonly snapshot: MeshSnapshot;
  readonly opaquePorts: readonly number[];
  readonly settingsOf: TrafficSettingsOf;
  readonly filtersOf: ServiceFiltersOf;
  readonly authentication: Authentication;
  /** Services with a route that looks at claims. */
  readonly claimRoutes: ReadonlySet<string>;
  /** Services with a route that has sessions. */
  readonly sessions: ReadonlySet<string>;
  /** What asks about requests of routes that say so, by Service. */
  readonly routeAuth: ReadonlyMap<string, readonly FilterContribution[]>;
  readonly select: SelectInstances;
  readonly peers: PeerAuthenticationIndex;
  readonly findings: Findings;
}

/** An ExternalService under the name of a Service has no effect: one address cannot lead to both. */
function externalServices(
  { services, externalServices: externals }: MeshSnapshot,
  findings: Findings,
): readonly ExternalRoutable[] {
  const names = new Set(services.map(({ resource }) => qualifiedName(resource.metadata)));
  return externals.flatMap(({ resource: external, serviceIndex }: MeshExternalService) => {
    const name = qualifiedName(external.metadata);
    if (names.has(name)) {
      const place = { object: keyOf(external), path: "metadata.name" };
      findings.add("name-conflict", place, `Service ${name} has the name and goes before`);
      return [];
    }
    const { spec, ...rest } = external;
    const resource = { ...rest, spec: { ports: servicePorts(spec) } };
    return [{ resource, serviceIndex, external }];
  });
}

interface ExternalRoutable extends RoutableService {
  readonly external: ExternalService;
}

function indexService(
  service: MeshService | ExternalRoutable,
  context: IndexContext,
): IndexedService {
  const external = "external" in service ? service.external : undefined;
  const { metadata, spec } = service.resource;
  const key = qualifiedName(metadata);
  const host = serviceHost(metadata, context.snapshot.trustDomain);
  const selector = "selector" in spec ? spec.selector : undefined;
  const instances = context.select(metadata.namespace, selector ?? {});
  const settings = context.settingsOf.service(service.resource.kind, key);
  const hasFailover = settings.failover !== undefined;
  const ports: IndexedPort[] = [];
  const object = keyOf(service.resource);
  const { findings, peers } = context;
  const report = { peers, findings, place: { object, path: "" } };
  for (const [index, port] of spec.ports.entries()) {
    const { protocol, origin } = effectiveProtocol(port, context.opaquePorts);
    if (port.protocol === "TCP") {
      const name = outboundName(host, port.port);
      const tcpCluster = tcpClusterOf(protocol, name, outboundTcpName(host, port.port));
      const streamCluster =
        tcpCluster === undefined || !hasFailover ? tcpCluster : failoverName(tcpCluster);
      ports.push({
        port,
        name,
        protocol,
        protocolOrigin: origin,
        tcpCluster,
        requestCluster: hasFailover ? failoverName(name) : name,
        streamCluster,
        isExternal: external !== undefined,
        targets: resolveTargets({ port, protocol }, instances, report),
      });
      continue;
    }
    context.findings.add(
      "protocol-unsupported",
      { object, path: `spec.ports[${index}]` },
      `port ${port.port} speaks ${port.protocol}; only TCP is routed`,
    );
  }
  ports.sort((a, b) => a.port.port - b.port.port);
  const labels = selector ?? {};
  const routing = context.claimRoutes.has(key)
    ? context.authentication.routingFilters({ ...metadata, labels, services: [key] })
    : [];
  const filters = withRouting(routing, filtersOf(key, settings, context));
  return { service, external, key, host, settings, filters, ports };
}

/** Who a user is comes first: the rest may ask. */
function withRouting(
  routing: readonly FilterContribution[],
  filters: ServiceFilters,
): ServiceFilters {
  return routing.length === 0
    ? filters
    : { ...filters, outbound: [...routing, ...filters.outbound] };
}

/** Sessions come last: they choose the instance, after all that may answer or change a request. */
function filtersOf(
  key: string,
  { sessionPersistence }: TrafficSettings,
  { filtersOf: ofPolicies, sessions, routeAuth }: IndexContext,
): ServiceFilters {
  const ofKey = ofPolicies(key);
  // Who is let in is known before the rest acts, but for preflights of browsers, which carry no credentials.
  const auth = routeAuth.get(key) ?? [];
  const corsCount = ofKey.outbound.findLastIndex(({ name }) => name === CORS_FILTER) + 1;
  const filters =
    auth.length === 0
      ? ofKey
      : { ...ofKey, outbound: ofKey.outbound.toSpliced(corsCount, 0, ...auth) };
  const hasOwn = sessionPersistence !== undefined;
  if (!hasOwn && !sessions.has(key)) return filters;
  return { ...filters, outbound: [...filters.outbound, sessionContribution(sessionPersistence)] };
}

function tcpClusterOf(
  protocol: PortProtocol,
  name: string,
  detectedName: string,
): string | undefined {
  if (!mayBeOpaque(protocol)) return undefined;
  return protocol === "undeclared" ? detectedName : name;
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
