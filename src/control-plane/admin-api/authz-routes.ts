/** What policy says of a request that is only described, and what policies traffic suggests. Reads only. */
import { Hono } from "hono";
import { checkAuthorization } from "../authz/authz-check.ts";
import { suggestPolicies } from "../authz/authz-suggest.ts";
import { observeSidecars } from "../authz/sidecar-calls.ts";
import type { AuthzCheckRequest, AuthzSuggestRequest } from "../authz-types.ts";
import { connectedCallers, currentSnapshot } from "../explain/explain-mesh.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function authzRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.post("/authz/check", async (context) => {
    const text = await readBody(context.req.raw);
    const request = withoutAbsent<AuthzCheckRequest>(
      parseBody(REQUEST_SCHEMAS.AuthzCheckRequest, text),
    );
    return context.json(checkAuthorization(request, currentSnapshot(deps), connectedCallers(deps)));
  });
  app.post("/authz/suggest", async (context) => {
    const text = await readBody(context.req.raw);
    const asked = withoutAbsent<AuthzSuggestRequest>(
      parseBody(REQUEST_SCHEMAS.AuthzSuggestRequest, text),
    );
    const observed = asked.calls ?? (await observeSidecars(deps.proxies, deps.stopping));
    const [snapshot, callers] = [currentSnapshot(deps), connectedCallers(deps)];
    const { kinds } = deps;
    return context.json(suggestPolicies(asked, observed, { snapshot, callers, kinds }));
  });
  return app;
}

/** Absent fields are left out, as the types have them. */
function withoutAbsent<T>(parsed: object): T {
  return Object.fromEntries(
    Object.entries(parsed).filter(([, value]) => value !== undefined),
  ) as unknown as T;
}
