/**
 * Why a request takes its route: what `RouteTable.match` decides, with the reason for each route that was passed over.
 * It asks the compiled conditions that the proxy routes with, one after the other.
 */
import { assert } from "../core/assert.ts";
import type {
  RouteMatch,
  Route as RouteMessage,
  VirtualHost as VirtualHostMessage,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.js";
import { failureText, matchText, pathText, testTexts } from "./condition-text.ts";
import type { RequestView } from "./request-view.ts";
import type { Route } from "./route.ts";
import type { RouteMatchResult, RouteTable } from "./route-table.ts";

/** A route that stands before the one that takes the request. */
export interface PassedRoute {
  readonly name: string;
  /** What it asks for: `path prefix /items, header x-user exact 7`. */
  readonly match: string;
  /** Its first condition that does not hold: `header x-user is 5, wanted exact 7`. */
  readonly reason: string;
  /** Its path matches: only something else stood in the way. */
  readonly isPathMatched: boolean;
}

export interface RouteExplanation {
  /** Undefined when no virtual host takes the request's host. */
  readonly virtualHost: VirtualHostMessage | undefined;
  /** In the order of the routes. When no route takes the request: all of the virtual host's. */
  readonly passed: readonly PassedRoute[];
  /** Undefined when no route takes the request, which is answered with 404. */
  readonly taken:
    | {
        readonly result: RouteMatchResult;
        readonly message: RouteMessage;
        /** Counted from 0 in its virtual host. */
        readonly place: number;
        readonly match: string;
      }
    | undefined;
}

/** `config` is what `table` was compiled from, without errors. */
export function explainMatch(
  config: RouteConfiguration,
  table: RouteTable,
  request: RequestView,
): RouteExplanation {
  const result = table.match(request);
  const host = table.virtualHostFor(request.authority);
  const virtualHost =
    host === undefined ? undefined : config.virtualHosts[table.virtualHosts.indexOf(host)];
  const routes = host?.routes ?? [];
  const place = result === undefined ? routes.length : routes.indexOf(result.route);
  const messages = virtualHost?.routes ?? [];
  const passed = messages
    .slice(0, place)
    .map((message, index) => passedRoute(message, routes[index]!, request));
  const message = messages[place];
  const taken =
    result === undefined || message === undefined
      ? undefined
      : { result, message, place, match: matchText(message.match) };
  return { virtualHost, passed, taken };
}

function passedRoute(message: RouteMessage, route: Route, request: RequestView): PassedRoute {
  const { match } = message;
  const pathFailure =
    match === undefined ? "it matches nothing" : pathReason(match, route, request);
  const reason = pathFailure ?? testReason(match!, route, request);
  assert(reason !== undefined, "a route that was passed over has a condition that does not hold");
  return {
    name: message.name,
    match: matchText(match),
    reason,
    isPathMatched: pathFailure === undefined,
  };
}

function pathReason(match: RouteMatch, route: Route, request: RequestView): string | undefined {
  const isConnect = request.method === "CONNECT";
  if (isConnect && !route.isForConnect) {
    return "method is CONNECT, which only a connect_matcher takes";
  }
  const isMatched = route.isForConnect
    ? isConnect
    : route.path.isAny || route.path.matches(request.path);
  return isMatched ? undefined : failureText(pathText(match), request);
}

function testReason(match: RouteMatch, route: Route, request: RequestView): string | undefined {
  const failed = route.tests.findIndex((test) => !test(request));
  if (failed < 0) return undefined;
  const condition = testTexts(match)[failed];
  return condition === undefined
    ? "a condition of it does not hold"
    : failureText(condition, request);
}
