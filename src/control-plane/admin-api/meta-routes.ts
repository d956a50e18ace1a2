/** Routes about the control plane itself: health, version, metrics, the API's own description. */
import { Hono } from "hono";
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "../../telemetry/prometheus-text.ts";
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

  app.get("/metrics", (context) =>
    context.body(prometheusText(deps.metrics.families()), 200, {
      "content-type": PROMETHEUS_CONTENT_TYPE,
    }),
  );

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
