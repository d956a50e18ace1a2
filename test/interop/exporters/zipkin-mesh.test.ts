/** A request through apps and their sidecars is one whole trace in a real Zipkin: right parents, all hops, the retry beside the first try. */
import assert from "node:assert/strict";
import test from "node:test";
import type { ZipkinSpan } from "../../../src/control-plane/telemetry/export/zipkin/zipkin-span.ts";
import { CatalogMesh } from "../../e2e/catalog-mesh.ts";
import { freePort } from "../../peers/peer-process.ts";
import { startZipkin, zipkinJar, zipkinTrace } from "../../peers/zipkin-server.ts";
import { eventually } from "../../support/exporting-mesh.ts";

const { jar, skip } = await zipkinJar();

/** Answers with the id of the trace that it is in. Each trace's first payment fails. */
const APP = `
const { createServer } = require("node:http");
const call = async (name) =>
  (await fetch("http://" + process.env[name + "_SERVICE_HOST"] + ":" + process.env[name + "_SERVICE_PORT"] + "/")).status;
const seen = new Set();
const serve = {
  catalog: async () => call("ORDERS"),
  orders: async () => call("PAYMENTS"),
  payments: async (trace) => {
    const isFirst = !seen.has(trace);
    seen.add(trace);
    return isFirst ? 503 : 200;
  },
};
createServer(async (request, response) => {
  const trace = (request.headers.traceparent ?? "").split("-")[1];
  response.statusCode = await serve[process.env.TULLE_SERVICE](trace);
  response.end(trace);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const object = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name }, spec },
});

/** Each span by who tells it, with its parent. */
function shape(spans: readonly ZipkinSpan[]): readonly string[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const nameOf = (span: ZipkinSpan | undefined): string =>
    span === undefined ? "-" : `${span.localEndpoint.serviceName} ${span.kind}`;
  return spans
    .map((span) => {
      const again = span.tags["http.request.resend_count"] === undefined ? "" : " again";
      const status = span.tags["http.response.status_code"];
      return `${nameOf(byId.get(span.parentId ?? ""))} > ${nameOf(span)} ${status}${again}`;
    })
    .sort();
}

test("a trace of a mesh in Zipkin", { skip }, async (t) => {
  const port = await freePort();
  const [, mesh] = await Promise.all([
    startZipkin(t, jar, port),
    CatalogMesh.start({
      name: "zipkin",
      app: APP,
      services: {
        payments: {},
        orders: { dependsOn: ["payments"], propagate: true },
        catalog: { dependsOn: ["orders"], propagate: true },
      },
      resources: [
        object("TrafficPolicy", "payments", {
          targetRefs: [{ kind: "Service", name: "payments" }],
          retries: { attempts: 2, on: ["gateway-error"] },
        }),
        object("TelemetryPolicy", "traces", { tracing: { sampling: 100 } }),
        object("TelemetryExporter", "zipkin", {
          zipkin: { endpoint: `http://127.0.0.1:${port}/api/v2/spans` },
        }),
      ],
    }),
  ]);
  t.after(() => mesh.remove());
  const { body: id, status } = await mesh.ask("/checkout");
  assert.equal(status, 200);
  const expected = [
    "- > client CLIENT 200",
    "client CLIENT > catalog SERVER 200",
    "catalog SERVER > catalog CLIENT 200",
    "catalog CLIENT > orders SERVER 200",
    "orders SERVER > orders CLIENT 503",
    "orders CLIENT > payments SERVER 503",
    "orders SERVER > orders CLIENT 200 again",
    "orders CLIENT > payments SERVER 200",
  ].sort();
  const spans = await eventually(() => zipkinTrace(port, id, expected.length));
  assert.deepEqual(shape(spans), expected);
});
