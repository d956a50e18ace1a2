/** Routes about the control plane itself: health, version, metrics, the API's own description. */
import { Hono } from "hono";
import { exposition } from "../../telemetry/metric-exposition.ts";
import { snapshotOf } from "../../telemetry/metric-snapshot.ts";
import type { HealthResponse, VersionResponse } from "../api-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { isoTime } from "./iso-time.ts";
import { openApiDocument } from "./openapi.ts";

export function metaRoutes(deps: AdminApiDeps): Hono {
  const { info } = deps;
  const app = new Hono();

  app.get("/healthz", (context) => {
    const status = info.getState();
    const response: HealthResponse = { status, revision: deps.store.revision() };
    return context.json(response, status === "ok" ? 200 : 503);
  });

  app.get("/metrics", (context) => {
    const families = snapshotOf(deps.metrics.families());
    const { body, contentType } = exposition(families, context.req.header("accept"));
    return context.body(body, 200, { "content-type": contentType });
  });

  app.get("/api/v1/openapi.json", (context) => context.json(openApiDocument(info.version)));

  app.get("/api/v1/version", (context) => {
    const response: VersionResponse = {
      name: "tulle",
      version: info.version,
      apiVersion: "v1",
      runtime: `node ${process.version}`,
      mesh: info.mesh,
      trustDomain: info.trustDomain,
      pid: process.pid,
      startedAt: isoTime(info.startedAtMs),
      revision: deps.store.revision(),
      xdsAddress: info.getXdsAddress(),
    };
    return context.json(response);
  });

  return app;
}
