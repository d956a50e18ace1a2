/**
 * In front of every route: who asks, may they, do they ask too often. It decides by the request's head alone; bodies are
 * read by routes, afterwards. What was refused, and what was done, is told to the audit log.
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Authentication } from "../access/authenticator.ts";
import type { Principal } from "../access/principal.ts";
import { isAtLeast, READING_ROUTES, ROUTE_ACCESS, type RouteAccess } from "../access/roles.ts";
import type { AdminRole } from "../access-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";

type Refused = Extract<Authentication, { ok: false }>;

export function accessGuard(deps: AdminApiDeps): MiddlewareHandler<AdminEnv> {
  return async (context, next) => {
    const route = routeOf(context);
    const access = accessTo(route);
    if (access === "public") return await next();
    const principal = await authenticate(deps, context);
    context.set("principal", principal);
    if (!deps.access.limits.mayAsk(principal)) {
      deps.access.metrics.limited.add(1);
      context.header("retry-after", "1");
      throw apiError("too_many_requests", `${principal.name} asks too often`, {
        hint: "wait a second; the limit is 100 requests a second",
      });
    }
    if (!isAtLeast(principal.role, access)) {
      throw denied(deps, principal, { needed: access, what: route ?? context.req.path });
    }
    if (!isChange(route)) return await next();
    if (!deps.audit.isWritable()) {
      throw apiError("unavailable", "the audit log cannot be written, so nothing is changed", {
        hint: "the control plane's log says why; is the disk full?",
      });
    }
    await next();
    tell(deps, context, principal, route ?? context.req.path);
    return undefined;
  };
}

/** Somebody who is known may not do this. The error to throw; the audit log knows it. */
export function denied(
  deps: Pick<AdminApiDeps, "audit" | "access" | "info">,
  principal: Principal,
  { needed, what }: { readonly needed: AdminRole; readonly what: string },
): Error {
  deps.access.metrics.denied.with({ method: principal.method }).add(1);
  const message = `${what} needs the role ${needed}; ${principal.name} is ${principal.role}`;
  deps.audit.record({
    kind: "access-denied",
    action: what,
    actor: principal,
    outcome: "refused",
    message,
  });
  return apiError("forbidden", message, {
    hint:
      principal.method === "anonymous"
        ? `show a token (tulle token create makes one), or use unix:${deps.info.adminSocket}`
        : "an admin can make a token with another role: tulle token create",
  });
}

/** What is in no table needs an admin. What is no route at all is answered to whoever may read. */
function accessTo(route: string | undefined): RouteAccess {
  if (route === undefined) return "viewer";
  return ROUTE_ACCESS[route] ?? "admin";
}

/** The method and the path, as the table of routes has them, of the handler that will answer. */
function routeOf(context: Context<AdminEnv>): string | undefined {
  const route = matchedRoutes(context).findLast(({ method }) => method !== "ALL");
  return route && `${route.method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`;
}

function isChange(route: string | undefined): boolean {
  return route !== undefined && !route.startsWith("GET ") && !READING_ROUTES.has(route);
}

async function authenticate(deps: AdminApiDeps, context: Context<AdminEnv>): Promise<Principal> {
  const { transport, address, peer } = context.env;
  const { authenticator, limits, metrics } = deps.access;
  const authorization = context.req.header("authorization");
  const result = await authenticator.authenticate({ transport, address, authorization, peer });
  if (result.ok) return result.principal;
  metrics.failed.with({ method: result.method }).add(1);
  // Beyond the limit there is one more line and not one for each.
  if (limits.mayFail(address)) tellFailure(deps, context, result);
  // RFC 9110 section 11.6.1.
  context.header("www-authenticate", 'Bearer realm="tulle"');
  throw apiError("unauthenticated", result.reason, {
    hint: "tulle token create makes a token, on the machine of the control plane; --token-file or TULLE_TOKEN takes it",
  });
}

function tellFailure(
  deps: AdminApiDeps,
  context: Context<AdminEnv>,
  { method, reason, code }: Refused,
): void {
  const { transport, address } = context.env;
  deps.audit.record({
    kind: "authentication-failed",
    action: `${context.req.method} ${context.req.path}`.slice(0, 512),
    actor: { name: "unknown", method, transport, address },
    outcome: "refused",
    message: reason,
    ...(code === undefined ? {} : { details: { code } }),
  });
}

function tell(
  deps: AdminApiDeps,
  context: Context<AdminEnv>,
  principal: Principal,
  route: string,
): void {
  const audited = context.get("audited");
  if (audited?.isTold === true) return;
  const { status } = context.res;
  deps.audit.record({
    kind: "action",
    action: route,
    actor: principal,
    outcome: status < 300 ? "ok" : status < 500 ? "refused" : "failed",
    ...(audited?.object === undefined ? {} : { object: audited.object }),
    details: { path: context.req.path.slice(0, 512), status, ...audited?.details },
  });
}
