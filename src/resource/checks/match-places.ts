/** What of a route's traffic can be told apart by it, and where in the route that is written. */
import type { ObjectOf } from "../kind-map.ts";

export interface MatchIdentity {
  /** `spec.rules[0].matches[1]`. */
  readonly path: string;
  /** The same text for what the same traffic passes, as far as can be told without trying. */
  readonly identity: string;
}

type AnyRoute = ObjectOf<"GRPCRoute" | "HTTPRoute" | "TCPRoute" | "TLSRoute">;
type HttpMatch = ObjectOf<"HTTPRoute">["spec"]["rules"][number]["matches"][number];
type GrpcMatch = ObjectOf<"GRPCRoute">["spec"]["rules"][number]["matches"][number];

export function matchPlaces(route: AnyRoute): readonly MatchIdentity[] {
  switch (route.kind) {
    case "HTTPRoute":
      return placesOf(route.spec.rules, httpIdentity);
    case "GRPCRoute":
      return placesOf(route.spec.rules, grpcIdentity);
    case "TCPRoute":
      // A rule has nothing to match by: the first one takes every connection.
      return route.spec.rules.map((_, index) => ({ path: `spec.rules[${index}]`, identity: "" }));
    case "TLSRoute":
      return route.spec.hostnames.map((name, index) => ({
        path: `spec.hostnames[${index}]`,
        identity: name,
      }));
  }
}

function placesOf<M>(
  rules: readonly { readonly matches: readonly M[] }[],
  identityOf: (match: M) => string,
): readonly MatchIdentity[] {
  return rules.flatMap(({ matches }, ruleIndex) =>
    matches.map((match, matchIndex) => ({
      path: `spec.rules[${ruleIndex}].matches[${matchIndex}]`,
      identity: identityOf(match),
    })),
  );
}

function httpIdentity(match: HttpMatch): string {
  const { type, value } = match.path;
  // Gateway API, PathMatchPathPrefix: a trailing slash is ignored.
  const path = type === "PathPrefix" ? value.replace(/\/$/, "") : value;
  const params = (match.queryParams ?? []).map((param) => [param.name, param.type, param.value]);
  return JSON.stringify([
    type,
    path,
    match.method ?? "",
    headersIdentity(match.headers),
    sorted(params),
  ]);
}

function grpcIdentity({ method, headers }: GrpcMatch): string {
  const { type = "", service = "", method: name = "" } = method ?? {};
  return JSON.stringify([type, service, name, headersIdentity(headers)]);
}

function headersIdentity(headers: HttpMatch["headers"]): readonly string[] {
  return sorted((headers ?? []).map(({ name, type, value }) => [name.toLowerCase(), type, value]));
}

function sorted(entries: readonly (readonly string[])[]): readonly string[] {
  return entries.map((entry) => JSON.stringify(entry)).sort();
}
