/** Routes in the order in which they are tried, with what they send where: as configured, and as it was. */
import type { ObjectOf } from "../../resource/kind-map.ts";
import { effectiveRoutes } from "../rollout/route-overlay.ts";
import type { TrafficRow, TrafficTotals } from "../telemetry/store/traffic-read.ts";
import type { RoutesResponse, RouteTraffic, ServiceRef } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { attachedRoutes } from "./service-routes-view.ts";
import {
  addTotals,
  NO_TRAFFIC,
  secondsOf,
  shareOf,
  sumTotals,
  trafficFigures,
} from "./telemetry-figures.ts";
import { refText } from "./telemetry-mesh.ts";
import { type AskedWindow, windowView } from "./telemetry-query.ts";
import { stepWindow } from "./telemetry-step-window.ts";

/** What no route object says. */
const DEFAULT = "default";
/** `outbound|80||catalog-v2.default.svc.tulle.local` */
const HOST = /^[^|]*\|\d+\|[^|]*\|([^.|]+)\.([^.|]+)\./;

/** By the backend, `namespace/name`, or a cluster that is none. */
type Backends = Map<string, TrafficTotals>;

export async function routeTrafficView(
  deps: AdminApiDeps,
  asked: AskedWindow,
): Promise<RoutesResponse> {
  const { fromMs, toMs, namespace, service } = asked;
  const answer = await deps.telemetry.traffic({
    ...{ fromMs, toMs, hasSteps: false },
    by: ["route", "backend", "destinationNamespace", "destinationName"],
    where: { reporter: "route" },
  });
  const seconds = secondsOf(stepWindow(answer, deps));
  const observed = observedBackends(answer.rows);
  const services = [...deps.objects.list("Service"), ...deps.objects.list("ExternalService")]
    .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
    .filter(({ metadata }) => service === undefined || metadata.name === service)
    .toSorted((a, b) => (refText(a.metadata) < refText(b.metadata) ? -1 : 1));
  const routes = services.flatMap((object): readonly RouteTraffic[] => {
    const configured = configuredRoutes(deps, object, observed, seconds);
    const own = defaultRoute(object.metadata, answer.rows, { observed, seconds });
    return [...configured, ...(own === undefined ? [] : [own])];
  });
  return { window: windowView(answer), routes };
}

function observedBackends(rows: readonly TrafficRow[]): ReadonlyMap<string, Backends> {
  const routes = new Map<string, Backends>();
  for (const { key, totals } of rows) {
    const [route = "", cluster = ""] = key;
    const backends = routes.get(route) ?? new Map<string, TrafficTotals>();
    routes.set(route, backends);
    const backend = backendOf(cluster);
    backends.set(backend, addTotals(backends.get(backend) ?? NO_TRAFFIC, totals));
  }
  return routes;
}

function backendOf(cluster: string): string {
  const match = HOST.exec(cluster);
  return match === null ? cluster : `${match[2]}/${match[1]}`;
}

function configuredRoutes(
  deps: AdminApiDeps,
  service: ObjectOf<"Service" | "ExternalService">,
  observed: ReadonlyMap<string, Backends>,
  seconds: number,
): readonly RouteTraffic[] {
  const { namespace, name } = service.metadata;
  return attachedRoutes(service, deps.objects, new Map()).flatMap((route) =>
    route.rules.flatMap((rule, ruleIndex) => {
      const named = ruleName(deps, route, ruleIndex) ?? String(ruleIndex);
      const matches = rule.matches.length === 0 ? ["every request"] : rule.matches;
      return matches.map((match, matchIndex): RouteTraffic => {
        const object = `${route.kind}/${route.namespace}/${route.name}`;
        const routeName = `${object}/rule/${named}/match/${matchIndex}`;
        const backends = observed.get(routeName) ?? new Map<string, TrafficTotals>();
        const configured = new Map(
          rule.backends.map((backend) => [`${backend.namespace}/${backend.name}`, backend.share]),
        );
        return {
          service: { namespace, name },
          route: `${route.namespace}/${route.name}`,
          name: routeName,
          matches: [match],
          ...trafficOf(backends, configured, seconds),
        };
      });
    }),
  );
}

function trafficOf(
  observed: Backends,
  configured: ReadonlyMap<string, number>,
  seconds: number,
): Pick<RouteTraffic, "backends" | "traffic"> {
  const all = sumTotals(observed.values());
  const names = new Set([...configured.keys(), ...observed.keys()]);
  return {
    backends: [...names].map((backend) => {
      const totals = observed.get(backend) ?? NO_TRAFFIC;
      return {
        backend,
        configuredShare: configured.get(backend) ?? 0,
        observedShare: shareOf(totals.requests, all.requests),
        traffic: trafficFigures(totals, seconds),
      };
    }),
    traffic: trafficFigures(all, seconds),
  };
}

/** Requests to a service that no route object took. */
function defaultRoute(
  ref: ServiceRef,
  rows: readonly TrafficRow[],
  {
    observed,
    seconds,
  }: { readonly observed: ReadonlyMap<string, Backends>; readonly seconds: number },
): RouteTraffic | undefined {
  const names = new Set(
    rows
      .filter(
        ({ key: [route = "", , namespace, name] }) =>
          !route.includes("/rule/") && namespace === ref.namespace && name === ref.name,
      )
      .map(({ key: [route = ""] }) => route),
  );
  const own = refText(ref);
  const totals = [...names].map((name) => observed.get(name)?.get(own) ?? NO_TRAFFIC);
  if (totals.length === 0) return undefined;
  const backends = new Map([[own, sumTotals(totals)]]);
  return {
    service: { namespace: ref.namespace, name: ref.name },
    route: DEFAULT,
    name: [...names][0] || DEFAULT,
    matches: ["every request"],
    ...trafficOf(backends, new Map([[own, 1]]), seconds),
  };
}

/** A rule that has a name is called by it. */
function ruleName(
  { objects }: AdminApiDeps,
  {
    kind,
    namespace,
    name,
  }: { readonly kind: string; readonly namespace: string; readonly name: string },
  index: number,
): string | undefined {
  const { grpcRoutes, httpRoutes } = effectiveRoutes(objects);
  const route = [...grpcRoutes, ...httpRoutes].find(
    (one) =>
      one.kind === kind && one.metadata.namespace === namespace && one.metadata.name === name,
  );
  return route?.spec.rules[index]?.name;
}
