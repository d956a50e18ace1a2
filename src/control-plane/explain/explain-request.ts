/**
 * What a proxy would do with a request, and why: the listener, each route that does not take it with its reason, the
 * route that does, and where it leads. Pure; routes are judged by the very code that proxies route with.
 */
import { PENDING_BODY_BYTES_MAX } from "../../core/limits.ts";
import { explainMatch, type RouteExplanation } from "../../decision/explanation.ts";
import type { VirtualHost } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { keyOf, type ObjectKey } from "../../resource/object.ts";
import type { AuthzVerdict } from "../authz-types.ts";
import type { ObjectCache } from "../object-cache.ts";
import { clusterViews } from "./cluster-view.ts";
import type {
  ExplainedCaller,
  ExplainedCluster,
  ExplainedFilter,
  ExplainedMiss,
  ExplainedRoute,
  ExplainRequest,
  ExplainResponse,
} from "./explain-types.ts";
import { explainedRequest, parseTarget, requestView, type Target } from "./explained-request.ts";
import type { FoundGateway } from "./gateway-caller.ts";
import { gatewayListenerName } from "./gateway-chain.ts";
import { HttpListeners, type RoutedListener } from "./http-listener.ts";
import { meshHostOf } from "./mesh-host.ts";
import { policiesFor, ruleOf, settingsOf } from "./policy-sources.ts";
import type { ProxyConfiguration } from "./proxy-configuration.ts";
import type { ForwardedCall } from "./route-authorization.ts";
import { routeChanges } from "./route-changes.ts";
import { routeSettings, type SettingSources } from "./route-settings.ts";
import { routeSource } from "./route-source.ts";
import { splitNotes } from "./split-notes.ts";
import { tracingSettings } from "./tracing-settings.ts";

export interface Explainable {
  readonly configuration: ProxyConfiguration;
  /** Of the mesh; undefined where only a proxy's configuration is known. */
  readonly objects: ObjectCache | undefined;
  readonly from: ExplainedCaller;
  readonly revision: number | null;
  /** What the request comes to from outside; undefined: a sidecar, from its app. */
  readonly entrance?: Pick<FoundGateway, "gateway" | "port">;
  /** Of the caller's workload, by which policies choose it. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the workloads that are called, where they are known. */
  readonly authorize?: (call: ForwardedCall) => readonly AuthzVerdict[] | null;
  /** Clusters without endpoints have none; else nobody knows. */
  readonly knowsEndpoints: boolean;
}

/** Routes that were passed over and are told of: those whose path matches go first. */
const PASSED_ROUTES_MAX = 50;

type Taken = NonNullable<RouteExplanation["taken"]>;

/** For any number of questions about one configuration. */
export class Explainer {
  readonly #known: Explainable;
  readonly #listeners: HttpListeners;

  constructor(known: Explainable) {
    this.#known = known;
    this.#listeners = new HttpListeners(known.configuration);
  }

  /** Throws an API error when the request makes no sense, or leads nowhere that the proxy knows. */
  explain(asked: ExplainRequest): ExplainResponse {
    const target = parseTarget(asked.url);
    const { from, entrance } = this.#known;
    const routed = this.#listeners.find({
      target,
      namespace: from.namespace,
      listener: asked.listener,
      ...(entrance === undefined ? {} : { gateway: entrance }),
    });
    return explained(asked, { target, routed, known: this.#known });
  }
}

interface Found {
  readonly target: Target;
  readonly routed: RoutedListener;
  readonly known: Explainable;
}

function explained(asked: ExplainRequest, { target, routed, known }: Found): ExplainResponse {
  const request = explainedRequest(asked, target, routed.manager);
  const view = requestView(request, target);
  const explanation = explainMatch(routed.routes, routed.table, view);
  const { taken, virtualHost } = explanation;
  const action = taken?.result.route.action;
  const clusters = action?.kind === "forward" ? clusterViews(action, view, known) : [];
  const source = taken === undefined ? null : routeSource(taken.message.name);
  const rewrite = action?.kind === "forward" ? action.rewritePath : undefined;
  const path = rewrite === undefined ? request.path : rewrite(request.path);
  // A gateway goes by the policies of those who are called.
  const serviceName = known.entrance === undefined ? routed.routes.name : clusters[0]?.name;
  const service = serviceOf(serviceName ?? "", known.objects);
  const sources: SettingSources = {
    rule: known.objects === undefined ? undefined : ruleOf(known.objects, source),
    source,
    service: known.objects === undefined ? [] : settingsOf(known.objects, service, source),
  };
  return {
    request,
    from: known.from,
    gateway: gatewayView(known, routed, request.authority),
    revision: known.revision,
    listener: {
      name: routed.listener.name,
      address: listenerAddress(routed),
      routeConfiguration: routed.routes.name,
    },
    virtualHost:
      virtualHost === undefined ? null : { name: virtualHost.name, domains: virtualHost.domains },
    route:
      taken === undefined || virtualHost === undefined
        ? null
        : {
            ...routeFacts(taken, virtualHost),
            changes: routeChanges(taken, routed.routes, request, virtualHost),
            settings: [
              ...routeSettings(taken.message, sources),
              ...tracingSettings({
                ...{ manager: routed.manager, route: taken.message, source },
                ...{ known, rule: sources.rule },
                service: known.entrance === undefined ? service : undefined,
              }),
            ],
          },
    passed: passedRoutes(explanation),
    passedCount: explanation.passed.length,
    outcome: outcomeText(explanation, clusters, known.knowsEndpoints),
    filters: filterViews(routed, explanation),
    policies:
      known.objects === undefined
        ? []
        : policiesFor(known.objects, [service, entranceKey(known)], source),
    authorization: known.authorize?.({ from: known.from, request, path, clusters }) ?? null,
    clusters,
    inbound: null,
    notes: [
      ...notesOf(asked, explanation, clusters),
      ...hostNotes(known, target, request.authority),
      ...(known.knowsEndpoints ? [] : ["which endpoints there are is not known here"]),
    ],
  };
}

function gatewayView(
  { entrance }: Explainable,
  routed: RoutedListener,
  authority: string,
): ExplainResponse["gateway"] {
  if (entrance === undefined) return null;
  const host = hostOf(authority);
  const { namespace, name } = entrance.gateway.metadata;
  return { namespace, name, listener: gatewayListenerName(entrance.gateway, routed, host) ?? null };
}

/** What certificates are for is known to the gateway alone. */
function hostNotes(
  { entrance }: Explainable,
  { scheme, authority: served }: Target,
  authority: string,
): readonly string[] {
  if (entrance === undefined || scheme !== "https" || hostOf(authority) === hostOf(served)) {
    return [];
  }
  return [
    `the request names ${hostOf(authority)}, its TLS handshake ${hostOf(served)}: it gets 421 where a listener with another certificate is for that host`,
  ];
}

function hostOf(authority: string): string {
  return authority.replace(/:\d+$/, "").toLowerCase();
}

function entranceKey({ entrance }: Explainable): ObjectKey | undefined {
  return entrance && keyOf(entrance.gateway);
}

function routeFacts(
  taken: Taken,
  virtualHost: VirtualHost,
): Omit<ExplainedRoute, "changes" | "settings"> {
  const { message, result, place, match } = taken;
  return {
    name: message.name,
    position: place + 1,
    count: virtualHost.routes.length,
    source: routeSource(message.name),
    match,
    action: result.route.action.kind,
  };
}

function passedRoutes({ passed }: RouteExplanation): readonly ExplainedMiss[] {
  const numbered = passed.map((route, index) => ({ ...route, position: index + 1 }));
  const near = numbered.filter(({ isPathMatched }) => isPathMatched);
  const far = numbered.filter(({ isPathMatched }) => !isPathMatched);
  return [...near, ...far]
    .slice(0, PASSED_ROUTES_MAX)
    .sort((a, b) => a.position - b.position)
    .map(({ name, match, reason, position }) => ({
      name,
      source: routeSource(name),
      position,
      match,
      reason,
    }));
}

function outcomeText(
  { taken, virtualHost }: RouteExplanation,
  clusters: readonly ExplainedCluster[],
  knowsEndpoints: boolean,
): string {
  if (virtualHost === undefined) return "404 (NR): no virtual host takes this host";
  if (taken === undefined) {
    return virtualHost.routes.length === 0
      ? "404 (NR): there are no routes"
      : "404 (NR): no route takes this request";
  }
  const { action } = taken.result.route;
  switch (action.kind) {
    case "direct":
      return `answered with ${action.status}${action.body === "" ? "" : `: ${action.body.trim()}`}`;
    case "redirect":
      return `redirected with ${action.status}`;
    case "forward":
      return forwardText(clusters, action.clusterNotFoundStatus, knowsEndpoints);
  }
}

function forwardText(
  clusters: readonly ExplainedCluster[],
  notFoundStatus: number,
  knowsEndpoints: boolean,
): string {
  const possible = clusters.filter(({ share }) => share > 0);
  const text = `forwarded to ${possible.map(({ name }) => name).join(" or ")}`;
  if (possible.length > 0 && possible.every(({ exists }) => !exists)) {
    return `${notFoundStatus} (NC): ${text}, which the proxy does not have`;
  }
  const hasEndpoint = possible.some(({ endpoints }) => endpoints.some(({ eligible }) => eligible));
  return hasEndpoint || !knowsEndpoints
    ? text
    : `503 (UH): ${text}, which has no endpoint that can take the request`;
}

/** In the order in which they act. */
function filterViews(
  { manager, routes }: RoutedListener,
  { taken, virtualHost }: RouteExplanation,
): readonly ExplainedFilter[] {
  const levels = [
    ["the route", taken?.message.typedPerFilterConfig],
    ["the virtual host", virtualHost?.typedPerFilterConfig],
    ["the route configuration", routes.typedPerFilterConfig],
  ] as const;
  const rules = taken?.result.route.filterRules;
  return manager.httpFilters.map(({ name, disabled }) => {
    const level = levels.find(([, configs]) => configs?.[name] !== undefined)?.[0];
    if (level !== undefined) {
      const isOff = rules?.get(name) === "disabled";
      return {
        name,
        acts: !isOff,
        reason: `${level} ${isOff ? "turns it off" : "has settings for it"}`,
      };
    }
    return disabled
      ? { name, acts: false, reason: "nothing turns it on for this request" }
      : { name, acts: true, reason: "it is on for every request of the listener" };
  });
}

/** The Service that the routes are of; undefined for those of another control plane, or when it is gone. */
function serviceOf(routesName: string, objects: ObjectCache | undefined): ObjectKey | undefined {
  const [direction, , , host = ""] = routesName.split("|");
  const named = meshHostOf(host);
  if (direction !== "outbound" || named === undefined) return undefined;
  // The policies of a headless Service are those of its instances.
  const { service: name, namespace } = named;
  const found = objects?.get("Service", namespace, name);
  return found === undefined ? undefined : { kind: "Service", namespace, name };
}

function listenerAddress({ listener }: RoutedListener): string {
  const address = listener.address?.address;
  if (address?.case !== "socketAddress") return "-";
  return `${address.value.address}:${String(address.value.portSpecifier.value ?? "")}`;
}

function notesOf(
  asked: ExplainRequest,
  { taken }: RouteExplanation,
  clusters: readonly ExplainedCluster[],
): readonly string[] {
  const notes: string[] = [];
  const action = taken?.result.route.action;
  const retries = action?.kind === "forward" ? action.retry.retriesMax : 0;
  if (retries > 0 && (asked.bodySizeBytes ?? 0) > PENDING_BODY_BYTES_MAX) {
    notes.push(
      `a body of ${asked.bodySizeBytes} bytes is more than the ${PENDING_BODY_BYTES_MAX} that are kept: once some of it was sent, it is not sent again`,
    );
  }
  if (taken !== undefined && action?.kind === "forward") {
    notes.push(...splitNotes(action, taken.message, clusters));
  }
  for (const { name, endpoints } of clusters) {
    if (endpoints.some(({ eligible, health }) => eligible && health === "unhealthy")) {
      notes.push(`${name} is in panic: so few endpoints are healthy that all are used`);
    }
  }
  return notes;
}
