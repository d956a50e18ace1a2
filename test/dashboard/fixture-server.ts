/**
 * The dashboard over a mesh that was never there: the files as the control plane serves them, and the telemetry API from
 * fixtures. For what no test can wait for: two hundred services, an API that fails, an API that asks for a token.
 * `fixture-server.ts [SERVICES [EDGES [PORT]]]` runs it for looking at.
 */

import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import type { AdminEnv } from "../../src/control-plane/admin-api/admin-env.ts";
import { DashboardFiles } from "../../src/control-plane/admin-api/dashboard-files.ts";
import {
  dashboardFolder,
  dashboardFront,
} from "../../src/control-plane/admin-api/dashboard-front.ts";
import { allRoutes, control, proxiesOf, tap } from "./fixture-control.ts";
import { FixtureMesh } from "./fixture-mesh.ts";
import { rolloutChanges, versionDetail } from "./fixture-rollouts.ts";
import { errorsOf, routesOf, seriesOf, summaryOf, traceOf } from "./fixture-traces.ts";

const LOGS = 40;
const TRACES = 24;

export interface FixtureServerOptions {
  readonly services?: number;
  readonly edges?: number;
  readonly nowMs?: number;
  readonly port?: number;
}

export class FixtureServer {
  readonly url: string;
  readonly mesh: FixtureMesh;
  /** What every call of the API gets instead of its answer. */
  refusal: { readonly status: 401 | 503; readonly message: string } | undefined;
  /** The only token that is good while the refusal is 401. */
  token = "tulle_good";
  /** Streams of the tap that somebody listens to. */
  openTaps = 0;
  readonly #server: Server;

  static async start(options: FixtureServerOptions = {}): Promise<FixtureServer> {
    const mesh = new FixtureMesh({ ...options, nowMs: options.nowMs ?? Date.now() });
    const app = new Hono<AdminEnv>();
    const server = createAdaptorServer({ fetch: (request) => app.fetch(request) }) as Server;
    server.listen(options.port ?? 0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const fixture = new FixtureServer(mesh, server, `http://127.0.0.1:${port}`);
    fixture.#serve(app);
    return fixture;
  }

  private constructor(mesh: FixtureMesh, server: Server, url: string) {
    this.mesh = mesh;
    this.#server = server;
    this.url = url;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #serve(app: Hono<AdminEnv>): void {
    app.use(dashboardFront(new DashboardFiles(dashboardFolder())));
    app.use("/api/*", async (context, next) => {
      const { refusal } = this;
      const isKnown = context.req.header("authorization") === `Bearer ${this.token}`;
      if (refusal === undefined || (refusal.status === 401 && isKnown)) return await next();
      const { status, message } = refusal;
      return context.json({ error: { code: "unavailable", message, hint: "try again" } }, status);
    });
    // A tap has no end, so it is no answer to keep.
    app.route(
      "/",
      tap(this.mesh, (change) => {
        this.openTaps += change;
      }),
    );
    // The same question has the same answer, always.
    const answers = new Map<string, string>();
    app.use("/api/*", async (context, next) => {
      const { url } = context.req;
      const known = answers.get(url);
      if (known !== undefined)
        return context.body(known, 200, { "content-type": "application/json" });
      await next();
      if (context.res.ok) answers.set(url, await context.res.clone().text());
      return undefined;
    });
    app.route("/api/v1/telemetry", telemetry(this.mesh));
    app.route("/api/v1", control(this.mesh));
    app.notFound((context) =>
      context.json({ error: { code: "not_found", message: "there is no such service" } }, 404),
    );
  }
}

function telemetry(mesh: FixtureMesh): Hono {
  const app = new Hono();
  const { window } = mesh;
  app.get("/overview", (context) => context.json(mesh.overview()));
  app.get("/services", (context) => context.json({ window, services: mesh.services }));
  app.get("/services/:namespace/:name", (context) => {
    const key = context.req.param();
    const detail = mesh.detail(key) ?? versionDetail(mesh, key);
    return detail === undefined ? context.notFound() : context.json(detail);
  });
  app.get("/proxies", (context) => context.json({ window, proxies: proxiesOf(mesh) }));
  app.get("/edges", (context) => context.json({ window, edges: mesh.edges }));
  app.get("/series", (context) => context.json(seriesOf(mesh)));
  app.get("/routes", (context) =>
    context.json({
      window,
      routes: context.req.query("service")
        ? routesOf(mesh, context.req.query("service") ?? "")
        : allRoutes(mesh),
    }),
  );
  app.get("/errors", (context) => context.json({ window, groups: errorsOf(mesh) }));
  app.get("/logs", (context) => {
    const isFailing = context.req.query("status") === "5xx";
    const logs = Array.from({ length: LOGS }, (_, index) => mesh.log(index));
    return context.json({
      window,
      logs: logs.filter(({ responseCode }) => !isFailing || responseCode >= 500),
      next: null,
    });
  });
  app.get("/traces", (context) =>
    context.json({
      window,
      traces: Array.from({ length: TRACES }, (_, index) => summaryOf(mesh, index)),
    }),
  );
  app.get("/traces/:id", (context) => context.json(traceOf(mesh, context.req.param("id"))));
  app.get("/events", (context) => {
    const type = context.req.query("type");
    const events = [...mesh.events(), ...rolloutChanges(mesh)];
    return context.json({
      window,
      events: type === undefined ? mesh.events() : events.filter((event) => event.type === type),
    });
  });
  return app;
}

if (import.meta.main) {
  const [services, edges, port] = process.argv.slice(2).map(Number);
  const { url } = await FixtureServer.start({
    ...(services ? { services } : {}),
    ...(edges ? { edges } : {}),
    port: port ?? 0,
  });
  console.log(url);
}
