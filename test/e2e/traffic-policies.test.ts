/**
 * TrafficPolicy, ExternalService, RouteFilter and `tulle drain` as people get them: YAML, the command line, the control
 * plane and real sidecars. Two instances of the app are in the client's zone, two in another.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CatalogMesh, type Question, type ServiceAddress } from "./catalog-mesh.ts";

const APP = `
const http = require("node:http");
const name = process.env.TIER + " " + process.env.TULLE_INSTANCE;
http.createServer((request, response) => {
  if (request.url.startsWith("/flaky") && name.startsWith("near")) response.statusCode = 503;
  response.end(name);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const MESH_GROUP = "mesh.tulle.dev";
const ROUNDS = 24;

let mesh: CatalogMesh;
let outside: Server;
let primary: ServiceAddress;
let external: ServiceAddress;

before(async () => {
  outside = createServer(({ headers, url }, response) => response.end(`${headers.host} ${url}`));
  outside.listen(0, "127.0.0.1");
  await once(outside, "listening");
  const { port } = outside.address() as AddressInfo;
  const spec = {
    hosts: ["localhost", "*.outside.example"],
    ports: [{ name: "http", port: 80, targetPort: port }],
    dns: { family: "IPv4" },
  };
  const metadata = { name: "outside" };
  const app = { service: "catalog", replicas: 2 };
  mesh = await CatalogMesh.start({
    name: "policies",
    app: APP,
    services: {
      near: { ...app, zone: "zone-a", labels: { tier: "near" }, env: { TIER: "near" } },
      far: { ...app, zone: "zone-b", labels: { tier: "far" }, env: { TIER: "far" } },
    },
    client: { zone: "zone-a", labels: { version: "canary" } },
    resources: [
      { apiVersion: `${MESH_GROUP}/v1`, kind: "ExternalService", metadata, spec },
      serviceOf("primary", "near"),
      serviceOf("backup", "far"),
    ],
  });
  primary = await mesh.addressOf("primary");
  external = await mesh.addressOf("outside");
});

after(async () => {
  outside?.close();
  await mesh?.remove();
});

function serviceOf(name: string, tier: string): object {
  const spec = {
    selector: { app: "catalog", tier },
    ports: [{ name: "http", port: 80, targetPort: "http" }],
  };
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec };
}

/** The instances that answer a number of requests. */
async function answering(question: Question = {}): Promise<readonly string[]> {
  const names = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) names.add((await mesh.ask("/", question)).body);
  return [...names].sort();
}

const policy = (spec: object, name = "catalog"): object => ({
  apiVersion: `${MESH_GROUP}/v1`,
  kind: "TrafficPolicy",
  metadata: { name },
  spec: { targetRefs: [{ kind: "Service", name }], ...spec },
});

/** `near catalog-x7k2p` without the tier. */
function instanceOf(answer: string): string {
  return answer.slice(answer.indexOf(" ") + 1);
}

const route = (rules: readonly object[]): object => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "catalog" },
  spec: { parentRefs: [{ group: "", kind: "Service", name: "catalog" }], rules },
});

const ruleFilter = (name: string): object => ({
  type: "ExtensionRef",
  extensionRef: { group: MESH_GROUP, kind: "RouteFilter", name },
});

test("a user stays at one instance by hash, and users are spread", async () => {
  const consistentHash = [{ header: { name: "x-user" } }];
  await mesh.apply(policy({ loadBalancer: { algorithm: "Maglev", consistentHash } }));
  const places = new Set<string>();
  for (let user = 0; user < 12; user++) {
    const [first, ...others] = await answering({ headers: { "x-user": `user-${user}` } });
    assert.deepEqual(others, []);
    places.add(first ?? "");
  }
  assert.ok(places.size > 1, [...places].join(" "));
});

test("a session stays at the instance that began it", async () => {
  await mesh.apply(policy({ sessionPersistence: { cookie: { name: "basket" } } }));
  const first = await mesh.ask("/");
  const [cookie = ""] = [first.headers["set-cookie"] ?? ""].flat();
  assert.match(cookie, /^basket=/);
  const held = await answering({ headers: { cookie: cookie.split(";")[0] } });
  assert.deepEqual(held, [first.body]);
});

test("requests stay in the zone until its instances are drained", async () => {
  const loadBalancer = { algorithm: "RoundRobin", locality: { preferZone: true } };
  await mesh.apply(policy({ loadBalancer }));
  const near = await answering();
  assert.equal(near.length, 2);
  for (const name of near) assert.match(name, /^near/);
  const names = near.map(instanceOf);
  await mesh.tulle("drain", "--wait", ...names);
  for (const name of await answering()) assert.match(name, /^far/);
  assert.match(await mesh.tulle("get", "workloads"), new RegExp(`${names[0]}.*healthy, drained`));
  assert.match(await mesh.tulle("undrain", "--wait", ...names), /is back in service/);
  for (const name of await answering()) assert.match(name, /^near/);
});

test("what an app may have acted on is repeated for idempotent methods only", async () => {
  // Half of the instances fail: a budget would rightly stop that many repetitions.
  const budget = { percent: 100, minimumConcurrency: 100 };
  const retries = { attempts: 5, on: ["connect-failure", "gateway-error"], budget };
  await mesh.apply(policy({ retries, outlierDetection: { enabled: false } }));
  const statuses = { GET: new Set<number>(), POST: new Set<number>() };
  for (const method of ["GET", "POST"] as const) {
    for (let round = 0; round < ROUNDS; round++) {
      statuses[method].add((await mesh.ask("/flaky", { method })).status);
    }
  }
  assert.deepEqual([...statuses.GET], [200]);
  assert.ok(statuses.POST.has(503));
});

test("rules for some callers only, and answers of the sidecar", async () => {
  const filter = (name: string, spec: object): object => ({
    apiVersion: `${MESH_GROUP}/v1`,
    kind: "RouteFilter",
    metadata: { name },
    spec,
  });
  const answer = (name: string, statusCode: number) =>
    filter(name, { directResponse: { statusCode, contentType: "application/json", body: "{}" } });
  await mesh.apply(
    filter("canaries", { sources: [{ workloadLabels: { version: "canary" } }] }),
    filter("strangers", { sources: [{ serviceAccounts: ["stranger"] }] }),
    answer("teapot", 418),
    answer("gone", 410),
    route([
      { filters: [ruleFilter("strangers"), ruleFilter("gone")] },
      {
        matches: [{ path: { value: "/canary" } }],
        filters: [ruleFilter("canaries"), ruleFilter("teapot")],
      },
      { backendRefs: [{ name: "catalog", port: 80 }] },
    ]),
  );
  const canary = await mesh.ask("/canary");
  assert.equal(canary.status, 418);
  assert.equal(canary.headers["content-type"], "application/json");
  assert.equal((await mesh.ask("/")).status, 200);
  await mesh.tulle("delete", "--wait", "httproute", "catalog");
});

test("a route delegates a part of its requests to the route of another owner", async () => {
  const routeRef = (name: string) => ({
    group: "gateway.networking.k8s.io",
    kind: "HTTPRoute",
    name,
  });
  const parent = route([
    { matches: [{ path: { value: "/team" } }], backendRefs: [routeRef("team")] },
    { backendRefs: [{ name: "catalog", port: 80 }] },
  ]);
  const team = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "team" },
    spec: {
      parentRefs: [routeRef("catalog")],
      rules: [
        { matches: [{ path: { value: "/team/closed" } }], filters: [ruleFilter("gone")] },
        { backendRefs: [{ name: "catalog", port: 80 }] },
      ],
    },
  };
  await mesh.apply(parent, team);
  assert.equal((await mesh.ask("/team/closed")).status, 410);
  assert.equal((await mesh.ask("/team/open")).status, 200);
  assert.equal((await mesh.ask("/closed")).status, 200);
  assert.match(await mesh.tulle("get", "httproutes"), /team.*True/);
  await mesh.tulle("delete", "--wait", "httproute", "catalog", "team");
});

test("hosts outside are called by a name of the mesh", async () => {
  const near = await mesh.ask("/a", { at: external });
  assert.equal(near.body, "localhost /a");
  const named = await mesh.ask("/b", { at: external, headers: { host: "eu.outside.example" } });
  assert.equal(named.body, "eu.outside.example /b");
  assert.match(
    await mesh.tulle("get", "externalservices"),
    /outside\s+localhost,\*\.outside\.example/,
  );
  assert.match(
    await mesh.tulle("describe", "externalservice", "outside"),
    /timeouts\.request\s+0s/,
  );
});

test("another Service takes over when no instance is left, and describe says what holds", async () => {
  const failover = [{ name: "backup" }];
  const loadBalancer = { algorithm: "RoundRobin" };
  const circuitBreakers = { maxRequests: 100 };
  await mesh.apply(policy({ loadBalancer, failover, circuitBreakers }, "primary"));
  const near = await answering({ at: primary });
  for (const name of near) assert.match(name, /^near/);
  const names = near.map(instanceOf);
  await mesh.tulle("drain", "--wait", ...names);
  for (const name of await answering({ at: primary })) assert.match(name, /^far/);
  await mesh.tulle("undrain", "--wait", ...names);
  for (const name of await answering({ at: primary })) assert.match(name, /^near/);
  const described = await mesh.tulle("describe", "service", "primary");
  assert.match(described, /circuitBreakers\.maxRequests\s+100\s+TrafficPolicy default\/primary/);
  assert.match(described, /retries\.budget\.percent\s+20\s+built-in default/);
});

test("what is wrong in a policy is told by field, with the fix", async () => {
  const loadBalancer = { algorithm: "RingHash", panicThreshold: 120 };
  const failover = [{ name: "nobody" }];
  const { code, output } = await mesh.tryApply(policy({ loadBalancer, failover }));
  assert.notEqual(code, 0);
  assert.match(output, /spec\.loadBalancer\.consistentHash.*needs something to hash/);
  assert.match(output, /spec\.loadBalancer\.panicThreshold: is 120; allowed is at most 100/);
  const { output: warned } = await mesh.tryApply(policy({ failover }));
  assert.match(warned, /spec\.failover\[0\]: there is no Service default\/nobody/);
});

test("instances that are all lost at once are held, with an alarm", async () => {
  const app = ["--port", "http=auto", "--", "node", join(mesh.home.path, "app.js")];
  const runs = ["lonely-1", "lonely-2"].map((name) =>
    mesh.home.start(["run", "--service", "lonely", "--name", name, ...app]),
  );
  await Promise.all(runs.map((run) => run.waitFor(/serves lonely/)));
  for (const run of runs) run.signal("SIGKILL");
  await Promise.all(runs.map((run) => run.ended));
  let described = "";
  while (!/all 2 instances were lost at once/.test(described)) {
    described = await mesh.tulle("describe", "service", "lonely");
  }
  await mesh.tulle("delete", "service", "lonely");
});
