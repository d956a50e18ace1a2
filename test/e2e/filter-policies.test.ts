/**
 * FaultPolicy, CORS of an HTTPRoute and CachePolicy as people get them: YAML, the command line, the control plane and two real
 * sidecars. The app counts its requests, and says so in each answer.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CatalogMesh } from "./catalog-mesh.ts";

const APP = `
const http = require("node:http");
let count = 0;
http.createServer((request, response) => {
  count += 1;
  if (request.url.startsWith("/kept")) {
    response.setHeader("cache-control", "max-age=600");
    response.setHeader("cache-tag", "kept");
  }
  response.end(String(count));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CATALOG = [{ kind: "Service", name: "catalog" }];

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({ name: "policies", app: APP });
});

after(() => mesh?.remove());

const faultPolicy = (name: string, spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "FaultPolicy",
  metadata: { name },
  spec: { targetRefs: CATALOG, ...spec },
});

test("a FaultPolicy aborts, resets and ends by itself", async () => {
  const match = { headers: [{ name: "x-tester", value: "1" }] };
  await mesh.apply(faultPolicy("broken", { match, abort: { httpStatus: 418 } }));
  const aborted = await mesh.ask("/", { headers: { "x-tester": "1", accept: "application/json" } });
  assert.equal(aborted.status, 418);
  assert.equal(JSON.parse(aborted.body).details, "fault_filter_abort");
  assert.equal((await mesh.ask("/")).status, 200);
  await mesh.apply(faultPolicy("broken", { match, reset: {} }));
  await assert.rejects(mesh.ask("/", { headers: { "x-tester": "1" } }), { code: "ECONNRESET" });
  // It was created some moments ago, so that it ends with the next one.
  await mesh.apply(faultPolicy("broken", { match, abort: { httpStatus: 418 }, ttl: "1s" }));
  while ((await mesh.ask("/", { headers: { "x-tester": "1" } })).status !== 200);
  const listed = await mesh.tulle("get", "faultpolicies");
  assert.match(listed, /broken.*abort.*after 1s/);
  while (!/Expired/.test(await mesh.tulle("get", "faultpolicies")));
  await mesh.tulle("delete", "faultpolicy", "broken");
});

test("what is wrong in a FaultPolicy is told by field", async () => {
  const wrong = faultPolicy("wrong", { delay: { percentage: 200 }, ttl: "1s", expiresAt: "soon" });
  const { code, output } = await mesh.tryApply(wrong);
  assert.notEqual(code, 0);
  assert.match(output, /spec\.delay.*needs one of duration, fromRequest/s);
  assert.match(output, /spec\.delay\.percentage/);
  assert.match(output, /spec\.expiresAt/);
});

test("CORS of an HTTPRoute answers preflights and names allowed origins", async () => {
  await mesh.apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          filters: [
            {
              type: "CORS",
              cors: { allowOrigins: ["https://*.shop.example"], allowMethods: ["PUT"] },
            },
          ],
          backendRefs: [{ name: "catalog", port: 80 }],
        },
      ],
    },
  });
  const before = await mesh.ask("/count");
  const origin = "https://www.shop.example";
  const asked = { origin, "access-control-request-method": "PUT" };
  const preflight = await mesh.ask("/", { headers: asked, method: "OPTIONS" });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers["access-control-allow-origin"], origin);
  assert.equal(preflight.headers["access-control-allow-methods"], "PUT");
  const refused = await mesh.ask("/", {
    headers: { ...asked, origin: "https://evil.example" },
    method: "OPTIONS",
  });
  assert.equal(refused.headers["access-control-allow-origin"], undefined);
  const plain = await mesh.ask("/count", { headers: { origin } });
  assert.equal(plain.headers["access-control-allow-origin"], origin);
  assert.equal(Number(plain.body), Number(before.body) + 1, "the app saw no preflight");
  await mesh.tulle("delete", "httproute", "catalog");
});

test("a CachePolicy keeps what the app says, until it is purged", async () => {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "CachePolicy",
    metadata: { name: "catalog" },
    spec: { targetRefs: CATALOG },
  });
  const first = await mesh.ask("/kept");
  const second = await mesh.ask("/kept");
  assert.equal(second.body, first.body);
  assert.match(String(second.headers["cache-status"]), /^tulle; hit; ttl=\d+$/);
  assert.notEqual((await mesh.ask("/else")).body, (await mesh.ask("/else")).body);
  assert.notEqual((await mesh.ask("/kept", { headers: { cookie: "user=ann" } })).body, first.body);
  assert.match(await mesh.tulle("cache", "purge", "catalog", "--tag", "kept", "--wait"), /purged/i);
  assert.notEqual((await mesh.ask("/kept")).body, first.body);
  const third = await mesh.ask("/kept");
  await mesh.tulle("cache", "purge", "catalog", "--path", "/ke*", "--wait");
  assert.notEqual((await mesh.ask("/kept")).body, third.body);
});
