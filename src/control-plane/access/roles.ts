/**
 * The roles of the admin API: what each may do, in one place. The guard in front of the API, the reference page and
 * `tulle whoami` read these tables; what is in none of them needs an admin.
 */
import type { KindName } from "../../resource/kind-map.ts";
import type { AdminRole } from "../access-types.ts";

/** From the least to the most: each may do what those before it may. */
export const ADMIN_ROLES = ["viewer", "operator", "admin"] as const satisfies readonly AdminRole[];

export const ROLE_SUMMARIES: Readonly<Record<AdminRole, string>> = {
  viewer: "Reads everything but secrets and the audit log; changes nothing.",
  operator:
    "Also changes traffic: routes, splits, rollouts, policies about load and failure; drains instances.",
  admin:
    "Also changes who may do what: policies about security, certificates, tokens, MeshConfig; reads the audit log.",
};

/** Whether who has `role` may do what `needed` may. */
export function isAtLeast(role: AdminRole, needed: AdminRole): boolean {
  return ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(needed);
}

/** What a route needs: a role, or nothing at all. */
export type RouteAccess = AdminRole | "public";

/** By method and path, as the table of routes has them. */
export const ROUTE_ACCESS: Readonly<Record<string, RouteAccess>> = {
  "GET /healthz": "public",
  "GET /api/v1/login": "public",
  "GET /metrics": "viewer",
  "GET /api/v1/openapi.json": "viewer",
  "GET /api/v1/version": "viewer",
  "GET /api/v1/whoami": "viewer",
  "GET /api/v1/resources/{kind}": "viewer",
  "GET /api/v1/resources/{kind}/{namespace}/{name}": "viewer",
  "GET /api/v1/prometheus/targets": "viewer",
  "GET /api/v1/proxies": "viewer",
  "GET /api/v1/proxies/{id}": "viewer",
  "GET /api/v1/proxies/{id}/config": "viewer",
  "GET /api/v1/instances": "viewer",
  "GET /api/v1/revisions/{revision}": "viewer",
  "GET /api/v1/services": "viewer",
  "GET /api/v1/services/{namespace}/{name}": "viewer",
  "GET /api/v1/rollouts/{namespace}/{name}": "viewer",
  "GET /api/v1/checks": "viewer",
  "GET /api/v1/ca": "viewer",
  "GET /api/v1/watch": "viewer",
  "GET /api/v1/telemetry/overview": "viewer",
  "GET /api/v1/telemetry/services": "viewer",
  "GET /api/v1/telemetry/services/{namespace}/{name}": "viewer",
  "GET /api/v1/telemetry/series": "viewer",
  "GET /api/v1/telemetry/edges": "viewer",
  "GET /api/v1/telemetry/routes": "viewer",
  "GET /api/v1/telemetry/errors": "viewer",
  "GET /api/v1/telemetry/logs": "viewer",
  "GET /api/v1/telemetry/logs/follow": "viewer",
  "GET /api/v1/telemetry/tap": "viewer",
  "GET /api/v1/telemetry/traces": "viewer",
  "GET /api/v1/telemetry/traces/{id}": "viewer",
  "GET /api/v1/telemetry/events": "viewer",
  "GET /api/v1/telemetry/events/follow": "viewer",
  "GET /api/v1/telemetry/security": "viewer",
  "GET /api/v1/telemetry/proxies": "viewer",
  // These are questions, asked with a body.
  "POST /api/v1/explain": "viewer",
  "POST /api/v1/authz/check": "viewer",
  "POST /api/v1/authz/suggest": "viewer",
  // Which objects an operator may change is in the next table.
  "POST /api/v1/apply": "operator",
  "DELETE /api/v1/resources/{kind}/{namespace}/{name}": "operator",
  "POST /api/v1/instances/{namespace}/{name}/actions": "operator",
  "POST /api/v1/rollouts/{namespace}/{name}/actions": "operator",
  "POST /api/v1/join-tokens": "admin",
  "POST /api/v1/ca/rotation": "admin",
  "POST /api/v1/ca/retire": "admin",
  "GET /api/v1/tokens": "admin",
  "POST /api/v1/tokens": "admin",
  "DELETE /api/v1/tokens/{name}": "admin",
  "GET /api/v1/audit": "admin",
  "GET /api/v1/audit/verification": "admin",
};

/** What changes nothing although it is no GET: it leaves no record of a change. */
export const READING_ROUTES: ReadonlySet<string> = new Set(
  Object.entries(ROUTE_ACCESS)
    .filter(([route, access]) => access === "viewer" && !route.startsWith("GET "))
    .map(([route]) => route),
);

/** Kinds that decide where requests go and how, not who may send them. */
export const OPERATOR_KINDS: ReadonlySet<string> = new Set<KindName>([
  "CachePolicy",
  "ExternalService",
  "FaultPolicy",
  "GRPCRoute",
  "HTTPRoute",
  "RateLimitPolicy",
  "Rollout",
  "RouteFilter",
  "Service",
  "TCPRoute",
  "TLSRoute",
  "TrafficPolicy",
  "Workload",
]);

/** Kinds that only an admin may read. */
const SECRET_KINDS: ReadonlySet<string> = new Set(["Secret"]);

/** The role that it takes to make, change or delete an object of a kind. */
export function writerOf(kind: string): AdminRole {
  return OPERATOR_KINDS.has(kind) ? "operator" : "admin";
}

/** The role that it takes to read an object of a kind. */
export function readerOf(kind: string): AdminRole {
  return SECRET_KINDS.has(kind) ? "admin" : "viewer";
}
