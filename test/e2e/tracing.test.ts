/**
 * A checkout through five apps and their sidecars is one trace with the right parents, retries included, although the
 * apps themselves know nothing of traces; and one that fails is kept whole although nobody has sampled it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createAdminClient } from "../../src/cli/admin-client.ts";
import type { ExplainResponse } from "../../src/control-plane/explain/explain-types.ts";
import type { SpanView, TraceResponse } from "../../src/control-plane/telemetry-types.ts";
import { eventually } from "../support/envoy-process.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

/** One source for all services. They answer with the id of the trace that they are in. */
const APP = `
const { createServer, get } = require("node:http");
const urlOf = (name, path) => "http://" + process.env[name + "_SERVICE_HOST"] + ":" + process.env[name + "_SERVICE_PORT"] + path;
const statusOf = (url) => new Promise((resolve, reject) => {
  get(url, (answer) => { answer.resume(); answer.on("end", () => resolve(answer.statusCode)); }).on("error", reject);
});
const seen = new Set();
const serve = {
  storefront: async (path) => (await fetch(urlOf("ORDERS", path))).status,
  orders: async (path) => {
    await statusOf(urlOf("CATALOG", "/items"));
    return statusOf(urlOf("PAYMENTS", path));
  },
  catalog: async () => 200,
  forgetful: async () => statusOf(urlOf("CATALOG", "/items")),
  payments: async (path, trace) => {
    if (path === "/fail") return 500;
    const isFirst = !seen.has(trace);
    seen.add(trace);
    return isFirst ? 503 : 200;
  },
};
createServer(async (request, response) => {
  const trace = (request.headers.traceparent ?? "").split("-")[1];
  response.statusCode = await serve[process.env.TULLE_SERVICE](request.url, trace);
  response.end(trace);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const policy = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name }, spec },
});
const tracing = (spec: object): object => policy("TelemetryPolicy", "traces", { tracing: spec });

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({
    name: "tracing",
    app: APP,
    services: {
      catalog: {},
      payments: {},
      orders: { dependsOn: ["catalog", "payments"], propagate: true },
      storefront: { dependsOn: ["orders"], propagate: true },
      forgetful: { dependsOn: ["catalog"] },
    },
    resources: [
      policy("TrafficPolicy", "payments", {
        targetRefs: [{ kind: "Service", name: "payments" }],
        retries: { attempts: 2, on: ["gateway-error"] },
      }),
      tracing({ sampling: 100 }),
    ],
  });
});

after(() => mesh?.remove());

async function traceOf(path: string, count: number): Promise<readonly SpanView[]> {
  const { body: id } = await mesh.ask(path, { at: await mesh.addressOf("storefront") });
  assert.match(id, /^[0-9a-f]{32}$/);
  return await eventually(
    `${count} spans of ${id}`,
    async () => {
      const { code, output } = await mesh.home.start(["trace", id, "-o", "json"]).ended;
      if (code !== 0) return [];
      return (JSON.parse(output) as TraceResponse).spans;
    },
    (spans) => spans.length >= count,
  );
}

/** Each span by what it is, under what its parent is. */
function shape(spans: readonly SpanView[]): readonly string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const nameOf = (span: SpanView | undefined): string => {
    if (span === undefined) return "-";
    const { service, kind, attributes } = span;
    const to = /\|\|([a-z]+)/.exec(attributes["mesh.upstream.cluster"] ?? "")?.[1];
    const resend = attributes["http.request.resend_count"];
    return `${service.name} ${kind}${kind === "client" ? ` of ${to}` : ""}${resend === undefined ? "" : ` again`}`;
  };
  return spans
    .map((span) => {
      const status = span.attributes["http.response.status_code"];
      return `${nameOf(byId.get(span.parentSpanId ?? ""))} > ${nameOf(span)} ${status}`;
    })
    .sort();
}

const HOPS = [
  "client client of storefront > storefront server",
  "storefront server > storefront client of orders",
  "storefront client of orders > orders server",
];
const CATALOG = [
  "orders server > orders client of catalog 200",
  "orders client of catalog > catalog server 200",
];

test("a checkout is one trace over all hops, its retry a span of its own", async () => {
  assert.deepEqual(
    shape(await traceOf("/checkout", 10)),
    [
      "- > client client of storefront 200",
      ...HOPS.map((hop) => `${hop} 200`),
      ...CATALOG,
      "orders server > orders client of payments 503",
      "orders client of payments > payments server 503",
      "orders server > orders client of payments again 200",
      "orders client of payments again > payments server 200",
    ].sort(),
  );
});

test("one that fails is kept whole although nobody has sampled it", async () => {
  await mesh.apply(tracing({ sampling: 0 }));
  const spans = await traceOf("/fail", 8);
  assert.deepEqual(
    shape(spans),
    [
      "- > client client of storefront 500",
      ...HOPS.map((hop) => `${hop} 500`),
      ...CATALOG,
      "orders server > orders client of payments 500",
      "orders client of payments > payments server 500",
    ].sort(),
  );
  const kept = spans.map(({ service, attributes }) => `${service.name} ${attributes["mesh.kept"]}`);
  assert.ok(kept.includes("payments error"));
  assert.ok(kept.includes("catalog wanted"), "it has nothing to do with the failure");
});

test("a route, a rule of it and so a header say what is sampled", async () => {
  const target = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "shop" };
  const ofRoute = (name: string, sampling: number, more: object): object =>
    policy("TelemetryPolicy", name, {
      targetRefs: [{ ...target, ...more }],
      tracing: { sampling },
    });
  const backendRefs = [{ name: "storefront", port: 80 }];
  await mesh.apply(
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      ...{ kind: "HTTPRoute", metadata: { name: "shop" } },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "storefront" }],
        rules: [
          {
            name: "debugged",
            matches: [{ headers: [{ name: "x-debug", value: "1" }] }],
            backendRefs,
          },
          { backendRefs },
        ],
      },
    },
    tracing({ sampling: 100, keep: { errors: false, slowerThan: "0s" } }),
    ofRoute("all", 0, {}),
    ofRoute("debugged", 100, { sectionName: "debugged" }),
  );
  const at = await mesh.addressOf("storefront");
  const { body: other } = await mesh.ask("/checkout", { at });
  const { body: id } = await mesh.ask("/checkout", { at, headers: { "x-debug": "1" } });
  await eventually(
    `the trace ${id}`,
    () => mesh.home.start(["trace", id, "-o", "json"]).ended,
    ({ code }) => code === 0,
  );
  // Of the same sidecar's spans the earlier come first.
  assert.notEqual((await mesh.home.start(["trace", other]).ended).code, 0);
  const settings = async (header: readonly string[]): Promise<readonly string[]> => {
    const asked = ["explain", "GET", "http://storefront/checkout", "--from", "client", ...header];
    const { route } = JSON.parse(await mesh.tulle(...asked, "-o", "json")) as ExplainResponse;
    return (route?.settings ?? [])
      .filter(({ field }) => field === "tracing.sampling")
      .map(({ value, origin }) => `${value} by ${origin}`);
  };
  assert.deepEqual(await settings([]), ["0 by TelemetryPolicy default/all"]);
  assert.deepEqual(await settings(["-H", "x-debug: 1"]), [
    "100 by TelemetryPolicy default/debugged",
  ]);
  const described = await mesh.tulle("describe", "service", "storefront");
  assert.match(
    described,
    /tracing\.sampling of HTTPRoute default\/shop +0 +TelemetryPolicy default\/all/,
  );
  assert.match(
    described,
    /tracing\.sampling of HTTPRoute default\/shop rule debugged +100 +TelemetryPolicy default\/debugged/,
  );
});

test("an app that does not pass contexts on is found", async () => {
  const at = await mesh.addressOf("forgetful");
  for (let i = 0; i < 20; i++) await mesh.ask("/", { at });
  const { adminSocket } = JSON.parse(
    readFileSync(join(mesh.home.path, "tracing", "control-plane.json"), "utf8"),
  );
  const admin = createAdminClient({ kind: "unix", path: adminSocket });
  const problems = await eventually(
    "the overview names it",
    async () => (await admin.telemetry.overview({})).problems,
    (all) => all.some(({ code }) => code === "no-propagation"),
  );
  const named = problems.filter(({ code }) => code === "no-propagation");
  const { output } = await mesh.home.start(["check", "-o", "json"]).ended;
  assert.match(output, /"no-propagation"[^}]*forgetful does not pass on the context of traces/);
  assert.deepEqual(
    named.map(({ service }) => service?.name),
    ["forgetful"],
  );
});
