/** Where a Rollout is, and what people tell it to do beside its spec. */
import { Hono } from "hono";
import type { RolloutActionResponse } from "../action-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function rolloutRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get("/rollouts/:namespace/:name", (context) => {
    const { namespace, name } = context.req.param();
    const view = deps.rollouts.view(namespace, name);
    if (view !== undefined) return context.json(view);
    throw apiError("not_found", `there is no Rollout ${namespace}/${name}`, {
      hint: "`tulle get rollouts` lists them",
    });
  });
  app.post("/rollouts/:namespace/:name/actions", async (context) => {
    const key = context.req.param();
    const body = await readBody(context.req.raw);
    const { action } = parseBody(REQUEST_SCHEMAS.RolloutActionRequest, body);
    context.set("audited", { object: { kind: "Rollout", ...key }, details: { asked: action } });
    const result = await deps.rollouts.command(key, action, context.get("principal").name);
    if (!result.ok) {
      const { code, message, hint } = result;
      throw apiError(code === "not-found" ? "not_found" : "conflict", message, { hint });
    }
    const { phase, message, weights } = result.state;
    const response: RolloutActionResponse = { action, phase, message, weights };
    return context.json(response);
  });
  return app;
}
