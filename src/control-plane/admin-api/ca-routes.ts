/** The certificate authority: how it stands, and what people tell it to do. */
import { Hono } from "hono";
import { hasCode } from "../../core/errors.ts";
import { type CaViewSource, caView, rootViews } from "../ca/ca-view.ts";
import type { CaResponse, RetireResponse, RotationResponse } from "../ca-types.ts";
import type { ControlPlaneErrorDetail } from "../errors.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function caRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  const source = (): CaViewSource => {
    const { authority, trust, controller } = deps.identity;
    return { authority, trust, controller, getOwn: () => deps.identity.own() };
  };
  app.get("/ca", (context) => {
    const response: CaResponse = caView(source());
    return context.json(response);
  });
  app.post("/ca/rotation", async (context) => {
    const request = parseBody(REQUEST_SCHEMAS.RotationRequest, await readBody(context.req.raw));
    context.set("audited", { details: { ...request } });
    const rotation = refusing(() => deps.identity.controller.command(request));
    const response: RotationResponse = { rotation };
    return context.json(response);
  });
  app.post("/ca/retire", async (context) => {
    const request = parseBody(REQUEST_SCHEMAS.RetireRequest, await readBody(context.req.raw));
    context.set("audited", { details: { ...request } });
    const root = refusing(() => deps.identity.controller.retire(request));
    const response: RetireResponse = { root, roots: rootViews(source()) };
    return context.json(response);
  });
  return app;
}

/** What would take access from somebody is a conflict, with everybody whom it would hit. */
function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (hasCode(error, "ca-root-in-use")) throw apiError("conflict", error.message);
    if (!hasCode(error, "rotation-refused")) throw error;
    const detail = error.detail as ControlPlaneErrorDetail & { readonly code: "rotation-refused" };
    const { blockers, hint } = detail;
    throw apiError("conflict", error.message, {
      details: { blockers },
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
