/**
 * TrafficPolicies of Services at a gateway: what they say of requests holds for those from outside, too, by the rule's
 * backend, below a policy for the route; what they say of connections and instances holds wherever these are called from.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { askGateway } from "../support/gateway-client.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

/** Never answers /single/slow, fails every first try of /single/flaky, and says who it is. */
const APP = `
const seen = new Map();
require("node:http").createServer((request, response) => {
  const url = new URL(request.url, "http://app");
  if (url.pathname === "/single/slow") return;
  const tries = (seen.get(request.url) ?? 0) + 1;
  seen.set(request.url, tries);
  const isFailing = url.pathname === "/single/flaky" && tries === 1;
  response.statusCode = isFailing ? 503 : 200;
  response.end(JSON.stringify({ instance: process.env.TULLE_INSTANCE, tries }));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;
let port: number;

before(async () => {
  port = await freePort();
  mesh = await CatalogMesh.start({
    name: "edge-policies",
    app: APP,
    services: { catalog: { replicas: 3 }, single: {} },
    gateways: { shop: { workers: 1 } },
  });
  await mesh.apply(
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "shop" },
      spec: { listeners: [{ name: "http", port, protocol: "HTTP" }] },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "shop" },
      spec: {
        parentRefs: [{ name: "shop" }],
        rules: [
          {
            matches: [{ path: { value: "/single" } }],
            backendRefs: [{ name: "single", port: 80 }],
          },
          { backendRefs: [{ name: "catalog", port: 80 }] },
        ],
      },
    },
  );
});

after(async () => {
  await mesh?.remove();
});

function policy(name: string, target: object, spec: object): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "TrafficPolicy",
    metadata: { name },
    spec: { targetRefs: [target], ...spec },
  };
}

const SINGLE = { kind: "Service", name: "single" };
const SERVICE = { kind: "Service", name: "catalog" };
const ROUTE = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "shop" };
const ask = (path: string, headers: Record<string, string> = {}) =>
  askGateway(port, "shop.example", path, { headers });

test("a Service's timeout and retries hold for requests from outside; a route's go before", async () => {
  assert.equal((await ask("/single/flaky?0")).status, 503, "nobody says that it is tried again");
  await mesh.apply(
    policy("single", SINGLE, {
      timeouts: { request: "700ms" },
      retries: { attempts: 2, on: ["gateway-error"], avoidPreviousHosts: false },
    }),
  );
  assert.equal((await ask("/single/slow")).status, 504);
  const again = await ask("/single/flaky?1");
  assert.deepEqual([again.status, JSON.parse(again.body).tries], [200, 2]);
  await mesh.apply(policy("route", ROUTE, { retries: { attempts: 0 } }));
  assert.equal((await ask("/single/flaky?2")).status, 503);
  assert.equal((await ask("/single/slow")).status, 504, "what it does not say is the Service's");
  await mesh.tulle("delete", "trafficpolicy", "single", "route", "--wait");
});

test("a Service's load balancer, and its sessions, choose for requests from outside", async () => {
  const instances = async (headers: (n: number) => Record<string, string>) => {
    const seen = new Set<string>();
    for (let n = 0; n < 24; n++) seen.add(JSON.parse((await ask("/", headers(n))).body).instance);
    return seen.size;
  };
  assert.ok((await instances(() => ({}))) > 1);
  await mesh.apply(
    policy("hashed", SERVICE, {
      loadBalancer: { algorithm: "Maglev", consistentHash: [{ header: { name: "x-user" } }] },
    }),
  );
  assert.equal(await instances(() => ({ "x-user": "anna" })), 1);
  assert.ok((await instances((n) => ({ "x-user": String(n) }))) > 1);
  await mesh.tulle("delete", "trafficpolicy", "hashed", "--wait");
  await mesh.apply(
    policy("sessions", SERVICE, {
      sessionPersistence: { type: "Header", header: { name: "x-session" } },
    }),
  );
  const first = await ask("/");
  const session = String(first.headers["x-session"]);
  assert.notEqual(session, "undefined");
  assert.equal(await instances(() => ({ "x-session": session })), 1);
  await mesh.tulle("delete", "trafficpolicy", "sessions", "--wait");
});
