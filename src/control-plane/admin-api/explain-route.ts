/** `tulle explain`: what a proxy would do with a request. Reads only. */
import { Hono } from "hono";
import { explainInMesh } from "../explain/explain-mesh.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function explainRoute(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.post("/explain", async (context) => {
    const { from, gateway, listener, bodySizeBytes, claims, ...asked } = parseBody(
      REQUEST_SCHEMAS.ExplainRequest,
      await readBody(context.req.raw),
    );
    const response = explainInMesh(
      {
        ...asked,
        ...(from === undefined ? {} : { from }),
        ...(gateway === undefined ? {} : { gateway }),
        ...(listener === undefined ? {} : { listener }),
        ...(bodySizeBytes === undefined ? {} : { bodySizeBytes }),
        ...(claims === undefined ? {} : { claims }),
      },
      deps,
    );
    return context.json(response);
  });
  return app;
}
