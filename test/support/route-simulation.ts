/**
 * What a route configuration makes of a request, in a line of text. It asks the very code that the sidecar
 * routes with.
 */
import type { FieldError } from "../../src/decision/field-error.ts";
import type { RedirectRule } from "../../src/decision/redirect-rule.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import type { ForwardAction, Route } from "../../src/decision/route.ts";
import { RouteTable } from "../../src/decision/route-table.ts";
import type { RouteConfiguration } from "../../src/gen/envoy/config/route/v3/route_pb.js";

export interface SimulatedRequest {
  /** `GET /products?id=1`. */
  readonly request: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Compiles the configuration as the sidecar does. Throws with every field that the sidecar would refuse. */
export function compileRoutes(configuration: RouteConfiguration): RouteTable {
  const errors: FieldError[] = [];
  const table = new RouteTable(configuration, errors);
  if (errors.length === 0) return table;
  throw new Error(errors.map(({ path, message }) => `${path}: ${message}`).join("\n"));
}

/**
 * `404`, `500`, `302 scheme=https path=/b`, `catalog:80`, `catalog-v1:80=90 catalog-v2:80=10`, each followed by
 * ` path=/new` and ` host=h` when they are rewritten. Clusters are shortened to the Service and its port.
 */
export function simulate(table: RouteTable, simulated: SimulatedRequest): string {
  const request = requestView(simulated);
  const route = table.match(request)?.route;
  if (route === undefined) return "404";
  const { action } = route;
  switch (action.kind) {
    case "direct":
      return String(action.status);
    case "redirect":
      return redirectText(action, request);
    case "forward":
      return forwardText(action, request);
  }
}

/** The name of the route that takes the request, if one does. */
export function routeOf(table: RouteTable, simulated: SimulatedRequest): Route | undefined {
  return table.match(requestView(simulated))?.route;
}

function requestView({ request, headers = {} }: SimulatedRequest): RequestView {
  const [method = "", target = ""] = request.split(" ");
  const [path = "", query = ""] = target.split("?");
  const lower = new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const authority = lower.get("host") ?? "127.0.0.1";
  return {
    ...{ method, path, query, authority, scheme: "http", httpVersion: "HTTP/1.1" as const },
    header: (name) => lower.get(name),
    headerValues: (name) => {
      const value = lower.get(name);
      return value === undefined ? [] : [value];
    },
  };
}

function redirectText(action: RedirectRule, request: RequestView): string {
  const path = action.rewritePath?.(request.path);
  return [
    String(action.status),
    ...(action.scheme === undefined ? [] : [`scheme=${action.scheme}`]),
    ...(action.host === undefined ? [] : [`host=${action.host}`]),
    ...(action.port === undefined ? [] : [`port=${action.port}`]),
    ...(path === undefined ? [] : [`path=${path}`]),
  ].join(" ");
}

function forwardText(action: ForwardAction, request: RequestView): string {
  const { choices } = action.split;
  const hasWeights = choices.length > 1;
  const path = action.rewritePath?.(request.path);
  return [
    ...choices.map(({ cluster, weight, hostRewrite }) => {
      const host = hostRewrite === undefined ? "" : `(host=${hostRewrite})`;
      return `${shortName(cluster)}${hasWeights ? `=${weight}` : ""}${host}`;
    }),
    ...(path === undefined ? [] : [`path=${path}`]),
    ...(action.hostRewrite === undefined ? [] : [`host=${action.hostRewrite}`]),
  ].join(" ");
}

/** `outbound|80||catalog.default.svc.tulle.local` as `catalog:80`; what is missing keeps its prefix. */
function shortName(cluster: string): string {
  const [direction, port, , host = ""] = cluster.split("|");
  const [service, namespace] = host.split(".");
  const qualifier = namespace === "default" ? "" : `.${namespace}`;
  return `${direction === "outbound" ? "" : `${direction} `}${service}${qualifier}:${port}`;
}
