/** What policy says of a request that is only described: `tulle authz check`. Reads only. */
import { Hono } from "hono";
import { checkAuthorization } from "../authz/authz-check.ts";
import type { AuthzCheckRequest } from "../authz-types.ts";
import { connectedCallers, currentSnapshot } from "../explain/explain-mesh.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function authzRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.post("/authz/check", async (context) => {
    const asked = parseBody(REQUEST_SCHEMAS.AuthzCheckRequest, await readBody(context.req.raw));
    // Absent fields are left out, as the type has them.
    const given = Object.entries(asked).filter(([, value]) => value !== undefined);
    const request = Object.fromEntries(given) as unknown as AuthzCheckRequest;
    return context.json(checkAuthorization(request, currentSnapshot(deps), connectedCallers(deps)));
  });
  return app;
}
