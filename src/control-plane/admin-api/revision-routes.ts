/** How far the proxies are with a revision; waits for them when asked to. */
import { Hono } from "hono";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { parseInteger } from "./request-schemas.ts";

/** A poll that is longer would meet the time limits of proxies and clients between. */
const WAIT_SECONDS_MAX = 60;

export function revisionRoutes(deps: AdminApiDeps): Hono {
  const app = new Hono();
  app.get("/revisions/:revision", async (context) => {
    const revision = parseInteger(context.req.param("revision"), "revision", {
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    });
    const waitSeconds = parseInteger(context.req.query("waitSeconds") ?? "0", "waitSeconds", {
      min: 0,
      max: WAIT_SECONDS_MAX,
    });
    const signal = AbortSignal.any([deps.stopping, context.req.raw.signal]);
    const waitMs = waitSeconds * 1000;
    return context.json(await deps.proxies.waitForRevision(revision, { waitMs, signal }));
  });
  return app;
}
