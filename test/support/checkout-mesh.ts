/**
 * A mesh whose checkout goes through four apps and their sidecars, the first payment of each trace refused and tried again: what a
 * tracing system of others must show of it.
 */
import assert from "node:assert/strict";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";

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

/** Each span by who tells it, below its parent. */
export const CHECKOUT_SPANS: readonly string[] = [
  "- > client CLIENT 200",
  "client CLIENT > catalog SERVER 200",
  "catalog SERVER > catalog CLIENT 200",
  "catalog CLIENT > orders SERVER 200",
  "orders SERVER > orders CLIENT 503",
  "orders CLIENT > payments SERVER 503",
  "orders SERVER > orders CLIENT 200 again",
  "orders CLIENT > payments SERVER 200",
].sort();

/** A span as each system tells it. */
export interface SeenSpan {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly service: string;
  readonly kind: string;
  readonly status: string;
  readonly isAgain: boolean;
}

/** To be compared with CHECKOUT_SPANS. */
export function shapeOf(spans: readonly SeenSpan[]): readonly string[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const nameOf = (span: SeenSpan | undefined): string =>
    span === undefined ? "-" : `${span.service} ${span.kind.toUpperCase()}`;
  return spans
    .map((span) => {
      const parent = byId.get(span.parentId ?? "");
      return `${nameOf(parent)} > ${nameOf(span)} ${span.status}${span.isAgain ? " again" : ""}`;
    })
    .sort();
}

/** Resolves when it is ready. The caller removes it. `exporter`: the spec of a TelemetryExporter, or several. */
export function startCheckoutMesh(
  name: string,
  ...exporters: readonly object[]
): Promise<CatalogMesh> {
  return CatalogMesh.start({
    ...{ name, app: APP },
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
      ...exporters.map((spec, index) => object("TelemetryExporter", `to-${index}`, spec)),
    ],
  });
}

/** The id of the trace of one checkout. */
export async function checkout(mesh: CatalogMesh): Promise<string> {
  const { body: id, status } = await mesh.ask("/checkout");
  assert.equal(status, 200);
  return id;
}

const object = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name }, spec },
});
