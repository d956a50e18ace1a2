/** Gates of rollouts in a whole mesh: a canary that is slow, and one that a query of PromQL speaks against, go back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";

const APP = `
const http = require("node:http");
http.createServer((request, response) => {
  setTimeout(() => response.end(process.env.VERSION), Number(process.env.DELAY_MS));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;
let prometheus: Server;
/** What the server of queries says, and what it was asked. */
let value = 0;
const queries = new Set<string>();

before(async () => {
  prometheus = createServer(({ url = "" }, response) => {
    queries.add(new URL(url, "http://local").searchParams.get("query") ?? "");
    const result = [{ metric: {}, value: [1, String(value)] }];
    response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
  });
  prometheus.listen(0, "127.0.0.1");
  await once(prometheus, "listening");
  const version = (name: string, delayMs: number): object => ({
    ...{ service: "catalog", labels: { version: name } },
    env: { VERSION: name, DELAY_MS: String(delayMs) },
  });
  const service = (name: string, more: object = {}): object => ({
    ...{ apiVersion: "v1", kind: "Service", metadata: { name } },
    spec: {
      selector: { app: "catalog", ...more },
      ports: [{ name: "http", port: 80, targetPort: "http" }],
    },
  });
  mesh = await CatalogMesh.start({
    name: "gates",
    app: APP,
    services: { one: version("v1", 0), slow: version("v2", 400), three: version("v3", 0) },
    resources: [
      service("catalog"),
      ...["v1", "v2", "v3"].map((name) => service(`catalog-${name}`, { version: name })),
    ],
  });
});

after(async () => {
  await mesh?.remove();
  prometheus?.close();
});

function rollout(canary: string, metric: object): object {
  return {
    ...{ apiVersion: "mesh.tulle.dev/v1", kind: "Rollout", metadata: { name: canary } },
    spec: {
      targetRef: { kind: "Service", name: "catalog" },
      ...{ stableService: "catalog-v1", canaryService: `catalog-${canary}` },
      strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: "10m" } }] } },
      analysis: { interval: "1s", minRequests: 5, metrics: [metric] },
    },
  };
}

/** Sends requests until `tulle rollout status` says so. */
async function until(name: string, wanted: RegExp): Promise<string> {
  for (;;) {
    await Promise.all(Array.from({ length: 20 }, () => mesh.ask()));
    const { output } = await mesh.home.start(["rollout", "status", name]).ended;
    if (wanted.test(output)) return output;
  }
}

async function versions(): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let i = 0; i < 20; i++) found.add((await mesh.ask()).body);
  return found;
}

test("a canary that is slow goes back by itself", async () => {
  const metric = { name: "request-duration", percentile: 50, thresholdRange: { max: 200 } };
  await mesh.apply(rollout("v2", metric));
  const said = await until("v2", /RolledBack/);
  assert.match(said, /request-duration/);
  const described = await mesh.tulle("describe", "rollout", "v2");
  assert.match(described, /Spec[\s\S]*setWeight: 50[\s\S]*RolledBack[\s\S]*request-duration/);
  while ((await versions()).has("v2"));
  await mesh.tulle("delete", "--wait", "rollout", "v2");
});

test("a canary goes back when a query of PromQL says so, and stays while it does not", async () => {
  const address = `http://127.0.0.1:${(prometheus.address() as AddressInfo).port}`;
  const query = 'errors{canary="{{canary}}", stable="{{stable}}", of="{{namespace}}/{{target}}"}';
  const provider = { prometheus: { address, query } };
  await mesh.apply(rollout("v3", { name: "errors", thresholdRange: { max: 1 }, provider }));
  while (queries.size === 0) await until("v3", /Progressing|Paused/);
  assert.ok((await versions()).has("v3"));
  value = 2;
  assert.match(await until("v3", /RolledBack/), /errors is 2/);
  assert.deepEqual(
    [...queries],
    ['errors{canary="catalog-v3", stable="catalog-v1", of="default/catalog"}'],
  );
  while ((await versions()).has("v3"));
});
