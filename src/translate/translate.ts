/**
 * The mesh as xDS. Pure: the same snapshot and scope give the same bytes. The work is cut in two, because
 * all proxies share most of it:
 *
 * ```
 *   snapshot ──┬── translateShared ──────────► clusters, endpoints, routes, secrets   once per revision
 *              └── translateScoped(scope) ───► listeners, clusters of the app         once per proxy
 * ```
 */
import { mayBeHttp } from "../resource/port-protocol.ts";
import { outboundClusters } from "./cluster.ts";
import { dnsListener } from "./dns-listener.ts";
import { type DnsPlan, planDns } from "./dns-names.ts";
import { reportFailoverTargets } from "./failover-cluster.ts";
import { dependOnCaller } from "./filters/filter-contribution.ts";
import { rateLimitClusters } from "./filters/rate-limit-service-cluster.ts";
import { Findings } from "./findings.ts";
import { edgeClusters } from "./gateway/edge-clusters.ts";
import { gatewayResources } from "./gateway/gateway-listeners.ts";
import { type GatewayPlans, planGateways } from "./gateway/gateway-plan.ts";
import { inboundResources } from "./inbound-listener.ts";
import { instanceServices } from "./instance-services.ts";
import { loadAssignment } from "./load-assignment.ts";
import { dependsOnZone } from "./locality-plan.ts";
import { buildMeshIndex, type IndexedService, type MeshIndex } from "./mesh-index.ts";
import type { MeshSnapshot, ProxyScope } from "./mesh-snapshot.ts";
import { compareText } from "./names.ts";
import {
  type OutboundListenerPlan,
  outboundListeners,
  planOutboundListeners,
} from "./outbound-listener.ts";
import { type Attachments, resolveAttachments } from "./route/attachment.ts";
import { routeConfiguration } from "./route/route-configuration.ts";
import { haveSources } from "./route/rule-source.ts";
import { identityPolicySecret, spiffeBundlesSecret, trustBundleSecret } from "./secret.ts";
import { telemetryClusters } from "./telemetry/control-plane-cluster.ts";
import type { TelemetryGroup } from "./telemetry/telemetry-index.ts";
import type {
  Finding,
  ScopedTranslation,
  SharedTranslation,
  Translation,
  XdsResource,
} from "./translation.ts";

/** Everything for one proxy, in the order in which xDS sends it. */
export function translateProxy(snapshot: MeshSnapshot, scope: ProxyScope): Translation {
  const prepared = prepare(snapshot);
  const shared = sharedOf(prepared);
  const scoped = scopedOf(prepared, scope);
  return {
    resources: [
      ...replaced(shared.clusters, scoped.clusters),
      ...endpointsFor(shared, scope.zone),
      ...shared.secrets,
      ...scoped.listeners,
      ...replaced(routesFor(shared, scope.namespace), scoped.routes),
    ],
    findings: [...shared.findings, ...scoped.findings],
  };
}

export function translateShared(snapshot: MeshSnapshot): SharedTranslation {
  return sharedOf(prepare(snapshot));
}

export function translateScoped(snapshot: MeshSnapshot, scope: ProxyScope): ScopedTranslation {
  return scopedOf(prepare(snapshot), scope);
}

/** The route configurations of callers in this namespace. */
export function routesFor(shared: SharedTranslation, namespace: string): readonly XdsResource[] {
  return replaced(shared.routes, shared.consumerRoutes.get(namespace) ?? []);
}

/** The load assignments of callers in this zone. */
export function endpointsFor(shared: SharedTranslation, zone: string): readonly XdsResource[] {
  return replaced(shared.endpoints, shared.zoneEndpoints.get(zone) ?? []);
}

function replaced(
  all: readonly XdsResource[],
  some: readonly XdsResource[],
): readonly XdsResource[] {
  if (some.length === 0) return all;
  const byName = new Map(some.map((resource) => [resource.name, resource]));
  const names = new Set(all.map(({ name }) => name));
  return [
    ...all.map((resource) => byName.get(resource.name) ?? resource),
    // A gateway's own stand in nobody's place.
    ...some.filter(({ name }) => !names.has(name)),
  ];
}

/** The same two functions, which remember what they worked out about the last snapshot: for many proxies. */
export class Translator {
  #prepared: Prepared | undefined;

  readonly shared = (snapshot: MeshSnapshot): SharedTranslation => sharedOf(this.#of(snapshot));

  readonly scoped = (snapshot: MeshSnapshot, scope: ProxyScope): ScopedTranslation =>
    scopedOf(this.#of(snapshot), scope);

  #of(snapshot: MeshSnapshot): Prepared {
    if (this.#prepared?.index.snapshot !== snapshot) this.#prepared = prepare(snapshot);
    return this.#prepared;
  }
}

/** What both halves need. */
interface Prepared {
  readonly index: MeshIndex;
  readonly attachments: Attachments;
  /** For callers with this telemetry: what others have done already is used again. */
  readonly listenerPlans: (telemetry: TelemetryGroup) => readonly OutboundListenerPlan[];
  /** All that callers reach by a name: Services, and instances of headless ones. */
  readonly reachable: readonly IndexedService[];
  readonly dns: DnsPlan;
  readonly gateways: GatewayPlans;
  readonly findings: readonly Finding[];
}

function prepare(snapshot: MeshSnapshot): Prepared {
  const findings = new Findings();
  const index = buildMeshIndex(snapshot, findings);
  const attachments = resolveAttachments(index, findings);
  const instances = instanceServices(index, findings);
  const reachable = [...index.services, ...instances];
  const listenerPlans = plansByTelemetry({ ...index, services: reachable }, attachments, findings);
  reportFailoverTargets(index, findings);
  const dns = planDns(index, instances, findings);
  const gateways = planGateways(snapshot, findings);
  return { index, attachments, listenerPlans, reachable, dns, gateways, findings: findings.list() };
}

function plansByTelemetry(
  index: MeshIndex,
  attachments: Attachments,
  findings: Findings,
): Prepared["listenerPlans"] {
  // What is wrong with routes does not depend on who calls: it is said once.
  const first = index.telemetry.groupOf({ namespace: "", labels: {} });
  const plan = (telemetry: TelemetryGroup, told: Findings) =>
    planOutboundListeners({ index, attachments, telemetry }, told);
  const byKey = new Map([[first.key, plan(first, findings)]]);
  return (telemetry) => {
    let plans = byKey.get(telemetry.key);
    if (plans === undefined) {
      plans = plan(telemetry, new Findings());
      byKey.set(telemetry.key, plans);
    }
    return plans;
  };
}

function sharedOf(prepared: Prepared): SharedTranslation {
  const { index, attachments, reachable } = prepared;
  const { snapshot } = index;
  const findings = new Findings(prepared.findings);
  const clusters: XdsResource[] = [];
  const endpoints: XdsResource[] = [];
  const routes: XdsResource[] = [];
  const consumerRoutes = new Map<string, XdsResource[]>();
  for (const service of reachable) {
    for (const port of service.ports) {
      const context = { index, service, port, findings };
      const attached = attachments.requests.get(port.name);
      clusters.push(...outboundClusters(service, port, index));
      const view = { settings: service.settings, callerZone: undefined };
      if (!port.isExternal) endpoints.push(loadAssignment(port, view));
      if (!mayBeHttp(port.protocol)) continue;
      routes.push(routeConfiguration(attached?.producer ?? [], context));
      for (const [namespace, consumers] of attached?.consumer ?? []) {
        const list = consumerRoutes.get(namespace) ?? [];
        consumerRoutes.set(namespace, list);
        list.push(routeConfiguration(consumers, context));
      }
    }
  }
  const zoneEndpoints = translateZoneEndpoints(index);
  clusters.push(...rateLimitClusters(snapshot), ...telemetryClusters(snapshot));
  const secrets = [
    trustBundleSecret(
      snapshot.trustDomain,
      snapshot.trustBundlePem,
      snapshot.spiffeTrust?.federated,
    ),
    ...(snapshot.spiffeTrust === undefined ? [] : [spiffeBundlesSecret(snapshot)]),
    ...(snapshot.identityPolicy === undefined
      ? []
      : [identityPolicySecret(snapshot.identityPolicy)]),
  ];
  return {
    ...{ clusters, endpoints, zoneEndpoints, secrets, routes, consumerRoutes },
    findings: findings.list(),
  };
}

/** Of Services whose policy says something about zones, as each zone sees them. */
function translateZoneEndpoints(index: MeshIndex): ReadonlyMap<string, readonly XdsResource[]> {
  const { snapshot } = index;
  const services = index.services.filter(({ settings }) =>
    dependsOnZone(settings.loadBalancer.locality),
  );
  if (services.length === 0) return new Map();
  // A sidecar is in the zone of its instance, or in none that anybody has named.
  const zones = [...new Set(["", ...snapshot.instances.map(({ zone }) => zone)])].sort(compareText);
  return new Map(
    zones.map((callerZone) => [
      callerZone,
      services.flatMap(({ settings, ports }) =>
        ports
          .filter(({ isExternal }) => !isExternal)
          .map((port) => loadAssignment(port, { settings, callerZone })),
      ),
    ]),
  );
}

/** The route configurations of ports that have rules for some callers only. */
function callerRoutes({ index, attachments }: Prepared, scope: ProxyScope): readonly XdsResource[] {
  // What is wrong with the rules was said when the shared ones were made.
  const findings = new Findings();
  return index.services.flatMap((service) =>
    service.ports.flatMap((port) => {
      const attached = attachments.requests.get(port.name);
      const routes = attached?.consumer.get(scope.namespace) ?? attached?.producer ?? [];
      const differs = haveSources(routes, index) || dependOnCaller(service.filters.outbound);
      if (!differs || !mayBeHttp(port.protocol)) return [];
      return [routeConfiguration(routes, { index, service, port, findings, caller: scope })];
    }),
  );
}

function scopedOf(prepared: Prepared, scope: ProxyScope): ScopedTranslation {
  if (scope.role === "gateway") return gatewayOf(prepared, scope);
  const findings = new Findings();
  const inbound = inboundResources(prepared.index, scope);
  const object = { kind: "Workload", namespace: scope.namespace, name: scope.nodeId };
  const report = { findings, place: { object, path: "" } };
  const plans = prepared.listenerPlans(prepared.index.telemetry.groupOf(scope));
  const outbound = outboundListeners(plans, scope, report);
  return {
    listeners: [...inbound.listeners, ...outbound, ...dnsListener(prepared.dns, scope)],
    clusters: inbound.clusters,
    routes: callerRoutes(prepared, scope),
    findings: findings.list(),
  };
}

/** Of a gateway whose Gateway does not exist nothing: it waits for it. */
function gatewayOf(prepared: Prepared, scope: ProxyScope): ScopedTranslation {
  const { gateways, index, reachable } = prepared;
  const findings = new Findings();
  const plan = gateways.get(`${scope.namespace}/${scope.gateway ?? ""}`);
  const { listeners, routes } =
    plan === undefined
      ? { listeners: [], routes: [] }
      : gatewayResources(plan, { index, scope, findings });
  const all = reachable.flatMap((service) =>
    service.ports.flatMap((port) => outboundClusters(service, port, index)),
  );
  const clusters = [
    ...edgeClusters(all),
    ...(plan?.logins.clusters ?? []),
    ...telemetryClusters(index.snapshot),
  ];
  return { listeners, clusters, routes, findings: findings.list() };
}
