/** What the control plane of a mesh that was never there says beside figures: checks, proxies, routes, rollouts, a tap. */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { WhoamiResponse } from "../../src/control-plane/access-types.ts";
import type {
  ChecksResponse,
  ResourceObject,
  VersionResponse,
} from "../../src/control-plane/api-types.ts";
import type { ProxyFigures, RouteTraffic } from "../../src/control-plane/telemetry-types.ts";
import type { FixtureMesh } from "./fixture-mesh.ts";
import { actedOn, rolloutsOf, rolloutView } from "./fixture-rollouts.ts";

export const REFUSAL =
  "typed_config.http_filters[2]: @type type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm is not supported";

export function checksOf(): ChecksResponse {
  const object = (kind: string, name: string) => ({ kind, namespace: "default", name });
  return {
    ok: false,
    revision: 42,
    checks: [
      {
        name: "certificate-authority",
        title: "the certificate authority is valid",
        status: "pass",
        findings: [],
      },
      {
        name: "objects",
        title: "every object does what its author wants",
        status: "fail",
        findings: [
          {
            severity: "warning",
            code: "no-endpoints",
            message: "no instance matches the selector app=legacy-erp",
            object: object("Service", "legacy-erp"),
            path: "spec.selector",
            hint: "start one: tulle run --service legacy-erp -- COMMAND",
          },
          {
            severity: "error",
            code: "backend-not-found",
            message: "there is no Service catalog-v3; requests for it get 500",
            object: object("HTTPRoute", "catalog"),
            path: "spec.rules[1].backendRefs[0].name",
            hint: "did you mean catalog-v2?",
          },
          {
            severity: "info",
            code: "policy-overridden",
            message: "TrafficPolicy slow is older and holds for this Service",
            object: object("TrafficPolicy", "fast"),
            path: "spec.targetRefs[0]",
          },
        ],
      },
      {
        name: "proxies-connected",
        title: "proxies are connected",
        status: "warn",
        findings: [
          {
            severity: "warning",
            code: "proxy-disconnected",
            message: "proxy users-1 is not connected",
            hint: "look at its log, or run tulle status users-1",
          },
        ],
      },
    ],
  };
}

/** What differs from a proxy that is well. */
const UNWELL: Readonly<Record<string, Partial<ProxyFigures>>> = {
  "payment-1": { revision: 40, refusal: REFUSAL },
  "checkout-1": { staleSeconds: 95 },
  "cart-1": { version: "0.0.9", eventLoopLagMs: 84 },
  "cart-2": { version: "0.0.9" },
  "recommendations-1": {
    ...{ isConnected: false, lastTelemetry: null },
    ...{ cpuCores: null, memoryBytes: null, eventLoopLagMs: null },
  },
};

export function proxiesOf(mesh: FixtureMesh): readonly ProxyFigures[] {
  return mesh.services.slice(0, 8).flatMap(({ service }, index) =>
    [`${service.name}-1`, `${service.name}-2`].map(
      (name): ProxyFigures => ({
        ...{ name, service, version: "0.1.0", isConnected: true },
        ...{ revision: 42, staleSeconds: null, refusal: null },
        cpuCores: 0.012 + index * 0.004,
        memoryBytes: 52e6 + index * 1.5e6,
        eventLoopLagMs: 1.2 + index * 0.3,
        lastTelemetry: mesh.at(index + 3),
        ...UNWELL[name],
      }),
    ),
  );
}

/** Of every service: two rules of an object, of which nothing takes the one of currency; one that no object is behind. */
export function allRoutes(mesh: FixtureMesh): readonly RouteTraffic[] {
  const idle = mesh.services.find(({ health }) => health === "idle")?.inbound;
  return mesh.services.slice(3, 6).flatMap(({ service, inbound }): readonly RouteTraffic[] => {
    const { name } = service;
    const object = `HTTPRoute/default/${name}`;
    const isIdle = name === "currency" && idle !== undefined;
    const backends = (v1: number | null, v2: number | null) => [
      {
        ...{ backend: `default/${name}-v1`, configuredShare: 0.9, observedShare: v1 },
        traffic: inbound,
      },
      {
        ...{ backend: `default/${name}-v2`, configuredShare: 0.1, observedShare: v2 },
        traffic: inbound,
      },
    ];
    const shared = { service, route: `default/${name}` };
    return [
      {
        ...{ ...shared, name: `${object}/rule/0/match/0`, matches: ["POST path prefix /charges"] },
        backends: isIdle ? backends(null, null) : backends(0.902, 0.098),
        traffic: isIdle ? idle : inbound,
      },
      {
        ...{ ...shared, name: `${object}/rule/1/match/0`, matches: ["every request"] },
        backends: name === "checkout" ? backends(0.61, 0.39) : backends(0.899, 0.101),
        traffic: inbound,
      },
    ];
  });
}

export function whoAmI(): WhoamiResponse {
  return {
    name: "local user",
    role: "admin",
    method: "local",
    transport: "tcp",
    may: "everything",
  } as unknown as WhoamiResponse;
}

const VERSION: VersionResponse = {
  name: "tulle",
  version: "0.1.0",
  apiVersion: "v1",
  runtime: "node v26.10.0",
  mesh: "demo",
  trustDomain: "tulle.local",
  pid: 1,
  startedAt: "2026-11-26T09:00:00.000Z",
  revision: 42,
  xdsAddress: "127.0.0.1:7702",
} as unknown as VersionResponse;

/** The route that the fixture's routes of a service are of. */
export function routeObject(name: string): ResourceObject {
  const backend = (version: string, weight: number) => ({
    group: "",
    kind: "Service",
    name: `${name}-${version}`,
    port: 80,
    weight,
  });
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace: "default", resourceVersion: "17", uid: "f3a1" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name }],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value: "/charges" }, method: "POST" }],
          timeouts: { request: "3s" },
          backendRefs: [backend("v1", 90), backend("v2", 10)],
        },
        { matches: [], backendRefs: [backend("v1", 90), backend("v2", 10)] },
      ],
    },
    status: { parents: [] },
  };
}

/** Services that each are one version. */
function versionsOf(name: string): readonly ResourceObject[] {
  return ["v1", "v2"].map((version) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `${name}-${version}`, namespace: "default" },
    spec: { selector: { app: name, version } },
  }));
}

/** `/api/v1` without telemetry. */
export function control(mesh: FixtureMesh): Hono {
  const app = new Hono();
  app.get("/checks", (context) => context.json(checksOf()));
  app.get("/version", (context) => context.json(VERSION));
  app.get("/whoami", (context) => context.json(whoAmI()));
  const list = (kind: string, items: readonly ResourceObject[]) => ({
    ...{ kind, apiVersion: items[0]?.apiVersion ?? "", revision: 42, items },
  });
  app.get("/resources/rollouts", (context) => context.json(list("Rollout", rolloutsOf(mesh))));
  app.get("/rollouts/:namespace/:name", (context) => {
    const view = rolloutView(mesh, context.req.param("name"));
    return view === undefined ? context.notFound() : context.json(view);
  });
  app.post("/rollouts/:namespace/:name/actions", async (context) =>
    context.json(actedOn(context.req.param("name"), await context.req.json())),
  );
  app.get("/resources/services", (context) =>
    context.json(
      list(
        "Service",
        mesh.services.flatMap(({ service }) => versionsOf(service.name)),
      ),
    ),
  );
  app.get("/resources/httproute/:namespace/:name", (context) =>
    context.json(routeObject(context.req.param("name"))),
  );
  app.post("/apply", (context) =>
    context.json({ dryRun: false, revision: 43, objects: [], findings: [] }),
  );
  return app;
}

/** As many requests as a tap tells of in the fixture, and then silence; more than a page keeps where these paths are asked for. */
export const TAPPED = 18;
export const TAPPED_MANY = { path: "/many", count: 620 };

/** `/api/v1/telemetry/tap`; how many are open is counted. */
export function tap(mesh: FixtureMesh, onOpen: (change: 1 | -1) => void): Hono {
  const app = new Hono();
  app.get("/api/v1/telemetry/tap", (context) =>
    streamSSE(context, async (stream) => {
      onOpen(1);
      const ended = new Promise<void>((resolve) => stream.onAbort(resolve));
      const count = context.req.query("path") === TAPPED_MANY.path ? TAPPED_MANY.count : TAPPED;
      for (let index = count - 1; index >= 0 && !stream.aborted; index--) {
        const data = { ...mesh.log(index), requestHeaders: [], responseHeaders: [] };
        await stream.writeSSE({ event: "request", data: JSON.stringify(data) });
      }
      await ended;
      onOpen(-1);
    }),
  );
  return app;
}
