/** Services with their traffic and health. */
import type { TrafficRow, TrafficTotals } from "../telemetry/store/traffic-read.ts";
import type {
  HealthState,
  InstanceTraffic,
  ServiceDetailResponse,
  ServicesResponse,
  ServiceTraffic,
} from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { apiError } from "./api-error.ts";
import { edgeViews } from "./telemetry-edges.ts";
import {
  addTotals,
  NO_TRAFFIC,
  type StepWindow,
  secondsOf,
  shareOf,
  sparkOf,
  sumTotals,
  trafficFigures,
} from "./telemetry-figures.ts";
import { type Inbound, inboundOf, inboundOfAll, NO_INBOUND } from "./telemetry-inbound.ts";
import {
  callerWithoutService,
  ejectedCount,
  ejectedHosts,
  freshFigures,
  isInstanceEjected,
  type KnownService,
  knownServices,
  refText,
  resourcesOf,
  sumResources,
} from "./telemetry-mesh.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";
import { resourcesOverTime } from "./telemetry-resources.ts";
import { stepWindow } from "./telemetry-step-window.ts";

/** Kiali's thresholds, which are Istio users'. */
const FAILING_SHARE = 0.1;
const DEGRADED_SHARE = 0.001;
export interface ServiceFigures {
  readonly services: readonly ServiceTraffic[];
  readonly window: StepWindow;
  /** By `namespace/name`; what nobody called is not in it. */
  readonly inbound: ReadonlyMap<string, Inbound>;
  /** Of all services together. */
  readonly all: Pick<Inbound, "steps" | "totals">;
}

export async function servicesView(
  deps: AdminApiDeps,
  asked: AskedWindow,
): Promise<ServicesResponse> {
  const { services, window } = await serviceFigures(deps, asked);
  return { window: windowView(window), services };
}

/** Of all services that are asked for, unless given. */
export async function serviceFigures(
  deps: AdminApiDeps,
  asked: AskedWindow,
  given?: readonly KnownService[],
): Promise<ServiceFigures> {
  const { fromMs, toMs } = asked;
  const [answer, figures, resourcesOver] = await Promise.all([
    deps.telemetry.traffic({
      ...{ fromMs, toMs, hasSteps: true },
      by: ["reporter", "destinationNamespace", "destinationName", "flags"],
      where: whereOf(asked),
    }),
    freshFigures(deps),
    resourcesOverTime(deps, asked),
  ]);
  const window = stepWindow(answer, deps);
  const inbound = inboundOf(answer);
  const ejected = ejectedHosts(figures);
  const services = (given ?? [...knownServices(deps).values()])
    .filter(({ ref }) => isAsked(ref, asked))
    .map((service): ServiceTraffic => {
      const traffic = inbound.get(refText(service.ref)) ?? NO_INBOUND;
      const out = ejectedCount(ejected.get(service.host), service);
      const health = healthOf(service, traffic, out);
      const resources = service.instances.map(({ namespace, name }) =>
        resourcesOf(figures.get(`${namespace}/${name}`)),
      );
      return {
        service: service.ref,
        host: service.host,
        ...health,
        instances: {
          total: service.instances.length + service.outside,
          healthy: service.instances.filter(({ serving }) => serving).length + service.outside,
          ejected: out,
        },
        inbound: trafficFigures(traffic.totals, secondsOf(window)),
        spark: sparkOf(traffic.steps, window),
        resources: sumResources(resources),
        resourceSpark: resourcesOver(service.instances),
      };
    });
  return { services, window, inbound, all: inboundOfAll([...inbound.values()]) };
}

export async function serviceView(
  deps: AdminApiDeps,
  asked: AskedWindow,
): Promise<ServiceDetailResponse> {
  const { fromMs, toMs, namespace = "default", service: name = "" } = asked;
  const known =
    knownServices(deps).get(`${namespace}/${name}`) ??
    callerWithoutService(deps, { namespace, name });
  if (known === undefined) {
    throw apiError("not_found", `there is no Service ${namespace}/${name}`, {
      hint: "`tulle get services` lists them",
    });
  }
  const of = { destinationNamespace: namespace, destinationName: name };
  const range = { fromMs, toMs, hasSteps: false };
  const [{ services, window }, outbound, byInstance, edges, figures] = await Promise.all([
    serviceFigures(deps, { ...asked, namespace }, [known]),
    deps.telemetry.traffic({
      ...range,
      by: [],
      where: { reporter: "source", sourceNamespace: namespace, sourceName: name },
    }),
    deps.telemetry.traffic({
      ...range,
      by: ["reporter", "instance", "destinationVersion"],
      where: of,
    }),
    edgeViews(deps, { fromMs, toMs, namespace: undefined, service: undefined }),
    freshFigures(deps),
  ]);
  const [service] = services;
  if (service === undefined) throw apiError("not_found", `${namespace}/${name} is gone`);
  const seconds = secondsOf(window);
  const own = ownRows(byInstance.rows);
  const ejected = ejectedHosts(figures).get(known.host);
  const isSelf = (ref: { readonly namespace: string; readonly name: string }): boolean =>
    refText(ref) === refText(known.ref);
  return {
    window: windowView(window),
    service,
    outbound: trafficFigures(sumTotals(outbound.rows.map(({ totals }) => totals)), seconds),
    instances: known.instances.map((instance): InstanceTraffic => {
      const rows = own.filter(({ key }) => key[1] === instance.name);
      const told = figures.get(`${instance.namespace}/${instance.name}`);
      return {
        name: instance.name,
        zone: instance.zone,
        version: instance.version,
        health: instance.state,
        isEjected: isInstanceEjected(ejected, instance),
        traffic: trafficFigures(sumTotals(rows.map(({ totals }) => totals)), seconds),
        resources: resourcesOf(told),
        uptimeSeconds:
          told?.startedMs == null ? null : (deps.clock.nowMs() - told.startedMs) / 1000,
      };
    }),
    callers: edges.edges.filter(({ destination }) => isSelf(destination)),
    callees: edges.edges.filter(({ source }) => isSelf(source)),
    versions: versionsOf(own, seconds),
  };
}

/** By the called sidecars; by callers' where there are none. */
function ownRows(rows: readonly TrafficRow[]): readonly TrafficRow[] {
  const own = rows.filter(({ key: [reporter] }) => reporter === "destination");
  return own.length > 0 ? own : rows.filter(({ key: [reporter] }) => reporter === "source");
}

function versionsOf(
  rows: readonly TrafficRow[],
  seconds: number,
): ServiceDetailResponse["versions"] {
  const byVersion = new Map<string, TrafficTotals>();
  for (const { key, totals } of rows) {
    const version = key[2] ?? "";
    byVersion.set(version, addTotals(byVersion.get(version) ?? NO_TRAFFIC, totals));
  }
  const all = sumTotals(byVersion.values()).requests;
  return [...byVersion]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, totals]) => ({
      version,
      share: shareOf(totals.requests, all) ?? 0,
      traffic: trafficFigures(totals, seconds),
    }));
}

function healthOf(
  service: KnownService,
  { totals }: Inbound,
  ejected: number,
): { readonly health: HealthState; readonly healthReason: string | null } {
  const { instances, outside } = service;
  const serving = instances.filter((one) => one.serving).length;
  const { requests } = totals;
  const share = shareOf(totals.errors, requests) ?? 0;
  const failure = `${percent(share)} of requests fail`;
  if (service.kind === "Service" && instances.length === 0) {
    if (requests === 0) return { health: "unknown", healthReason: "it has no instances" };
    return { health: "failing", healthReason: "it has no instances, and is called" };
  }
  if (service.kind === "Service" && serving === 0) {
    return { health: "failing", healthReason: `none of ${instances.length} instances is healthy` };
  }
  if (share >= FAILING_SHARE) return { health: "failing", healthReason: failure };
  if (share >= DEGRADED_SHARE) return { health: "degraded", healthReason: failure };
  if (serving < instances.length) {
    return {
      health: "degraded",
      healthReason: `${instances.length - serving} of ${instances.length} instances are not healthy`,
    };
  }
  if (ejected > 0)
    return {
      health: "degraded",
      healthReason: `callers have ejected ${ejected} of ${instances.length + outside} instances`,
    };
  const hasTcp = totals.tcpOpened + totals.tcpSent + totals.tcpReceived > 0;
  return { health: requests === 0 && !hasTcp ? "idle" : "healthy", healthReason: null };
}

export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} %`;
}

function whereOf({ namespace, service }: AskedWindow): Record<string, string> {
  return {
    ...(namespace === undefined && service === undefined
      ? {}
      : { destinationNamespace: namespace ?? "default" }),
    ...(service === undefined ? {} : { destinationName: service }),
  };
}

function isAsked(
  ref: { readonly namespace: string; readonly name: string },
  { namespace, service }: AskedWindow,
): boolean {
  if (service !== undefined && (ref.name !== service || ref.namespace !== (namespace ?? "default")))
    return false;
  return namespace === undefined || ref.namespace === namespace;
}
