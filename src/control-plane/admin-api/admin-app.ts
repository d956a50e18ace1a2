/** The admin API as one application: the guard in front, the routes, and errors in one form. */
import { Hono } from "hono";
import { messageOf } from "../../core/errors.ts";
import { nearestName } from "../../resource/nearest-name.ts";
import { accessGuard } from "./access-guard.ts";
import { accessRoutes } from "./access-routes.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError, apiErrorResponse } from "./api-error.ts";
import { API_ROUTES } from "./api-routes.ts";
import { applyRoute } from "./apply-route.ts";
import { auditRoutes } from "./audit-routes.ts";
import { authzRoutes } from "./authz-routes.ts";
import { caRoutes } from "./ca-routes.ts";
import { checkRoutes } from "./check-routes.ts";
import { DashboardFiles } from "./dashboard-files.ts";
import { dashboardFolder, dashboardFront } from "./dashboard-front.ts";
import { explainRoute } from "./explain-route.ts";
import { instanceRoutes } from "./instance-routes.ts";
import { joinTokenRoutes } from "./join-token-routes.ts";
import { metaRoutes } from "./meta-routes.ts";
import { prometheusRoutes } from "./prometheus-routes.ts";
import { proxyRoutes } from "./proxy-routes.ts";
import { refusalOf } from "./request-guard.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { revisionRoutes } from "./revision-routes.ts";
import { rolloutRoutes } from "./rollout-routes.ts";
import { serviceRoutes } from "./service-routes.ts";
import { telemetryRoutes } from "./telemetry-routes.ts";
import { watchRoutes } from "./watch-routes.ts";

export type AdminApp = Hono<AdminEnv>;

export function createAdminApp(deps: AdminApiDeps): AdminApp {
  const app: AdminApp = new Hono<AdminEnv>();

  app.use(async (context, next) => {
    const { req } = context;
    const reason = refusalOf(
      {
        method: req.method,
        host: req.header("host"),
        origin: req.header("origin"),
        secFetchSite: req.header("sec-fetch-site"),
        contentType: req.header("content-type"),
        hasBody: req.header("content-length") !== "0" && req.raw.body !== null,
      },
      context.env.transport,
    );
    if (reason !== undefined) throw apiError("forbidden", reason);
    context.header("x-content-type-options", "nosniff");
    await next();
  });

  app.use(dashboardFront(new DashboardFiles(dashboardFolder())));
  app.use(accessGuard(deps));
  app.route("/", metaRoutes(deps));
  // These know who asks.
  for (const routes of [
    resourceRoutes,
    applyRoute,
    watchRoutes,
    instanceRoutes,
    rolloutRoutes,
    caRoutes,
    accessRoutes,
    joinTokenRoutes,
    telemetryRoutes,
  ]) {
    app.route("/api/v1", routes(deps));
  }
  for (const routes of [
    prometheusRoutes,
    proxyRoutes,
    revisionRoutes,
    serviceRoutes,
    checkRoutes,
    explainRoute,
    authzRoutes,
    auditRoutes,
  ]) {
    app.route("/api/v1", routes(deps));
  }

  app.notFound((context) => {
    const { method, path } = context.req;
    const nearest = nearestName(`${method} ${path}`, API_ROUTES.map(routeName));
    const { status, body } = apiErrorResponse(
      apiError("unknown_route", `there is no ${method} ${path}`, {
        hint:
          nearest === undefined
            ? "GET /api/v1/openapi.json lists every endpoint"
            : `did you mean ${nearest}?`,
      }),
    );
    return context.json(body, status);
  });

  app.onError((error, context) => {
    const { status, body } = apiErrorResponse(error);
    if (status === 500) {
      deps.log.error("a request failed", {
        method: context.req.method,
        path: context.req.path,
        error: messageOf(error),
        stack: error.stack,
      });
    }
    return context.json(body, status);
  });

  return app;
}

function routeName(route: (typeof API_ROUTES)[number]): string {
  return `${route.method} ${route.path}`;
}
