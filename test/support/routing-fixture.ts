/** Requests and route configurations for tests of decisions, written as Envoy's JSON. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../src/decision/field-error.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import type { Route } from "../../src/decision/route.ts";
import { RouteTable } from "../../src/decision/route-table.ts";
import { RouteConfigurationSchema } from "../../src/gen/envoy/config/route/v3/route_pb.js";

export interface RequestInit {
  readonly method?: string;
  readonly host?: string;
  readonly scheme?: string;
  /** In order; a name may stand there more than once. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** A request for `/path?query`, with header values as they are on the wire. */
export function requestFor(target: string, init: RequestInit = {}): RequestView {
  const queryAt = target.indexOf("?");
  const headers = (init.headers ?? []).map(([name, value]) => ({
    name: name.toLowerCase(),
    value: Buffer.from(value).toString("latin1"),
  }));
  const headerValues = (lowerName: string): readonly string[] =>
    headers.filter(({ name }) => name === lowerName).map(({ value }) => value);
  return {
    method: init.method ?? "GET",
    path: queryAt < 0 ? target : target.slice(0, queryAt),
    query: queryAt < 0 ? "" : target.slice(queryAt + 1),
    authority: init.host ?? "shop",
    scheme: init.scheme ?? "http",
    httpVersion: "HTTP/1.1",
    header: (lowerName) => {
      const values = headerValues(lowerName);
      return values.length === 0 ? undefined : values.join(",");
    },
    headerValues,
  };
}

function compile(config: JsonObject): {
  readonly table: RouteTable;
  readonly errors: FieldError[];
} {
  const errors: FieldError[] = [];
  const message = fromJson(RouteConfigurationSchema, { name: "test", ...config });
  return { table: new RouteTable(message, errors), errors };
}

/** Throws with every error when the configuration has one. */
export function routeTable(config: JsonObject): RouteTable {
  const { table, errors } = compile(config);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return table;
}

/** One virtual host for every domain with these routes. */
export function tableOf(...routes: readonly JsonObject[]): RouteTable {
  return routeTable({ virtual_hosts: [{ name: "all", domains: ["*"], routes: [...routes] }] });
}

/** What is wrong, as `path: message`. */
export function configErrors(config: JsonObject): readonly string[] {
  return compile(config).errors.map(({ path, message }) => `${path}: ${message}`);
}

/** What is wrong with one route, with paths that begin at the route. */
export function routeErrors(route: JsonObject): readonly string[] {
  const prefix = "virtual_hosts[0].routes[0]";
  return configErrors({ virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] }).map(
    (error) => error.slice(error.startsWith(`${prefix}.`) ? prefix.length + 1 : prefix.length),
  );
}

/** A route for this match that answers by itself. */
export function answering(match: JsonObject, status = 200): JsonObject {
  return { match, direct_response: { status } };
}

/** Whether the match takes the request. */
export function matches(match: JsonObject, target: string, init: RequestInit = {}): boolean {
  return tableOf(answering(match)).match(requestFor(target, init)) !== undefined;
}

/** The only route of a table, with its action. */
export function compiledRoute(route: JsonObject): Route {
  return tableOf(route).virtualHosts[0]!.routes[0]!;
}
