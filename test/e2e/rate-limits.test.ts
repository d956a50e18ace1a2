/**
 * RateLimitPolicies as people get them: YAML, the command line, the control plane and two real sidecars, at the
 * instances and at the callers, and what clients, metrics and `tulle get` say of them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type OutgoingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { type Answer, CatalogMesh } from "./catalog-mesh.ts";

const APP = `
require("node:http").createServer((request, response) => {
  if (request.url !== "/held") return response.end("done");
  setTimeout(() => response.end("done"), 1500);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({ name: "limits", app: APP });
});

after(() => mesh?.remove());

async function statuses(
  count: number,
  path = "/",
  headers: OutgoingHttpHeaders = {},
): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await mesh.ask(path, { headers })).status);
  return seen;
}

const policy = (spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RateLimitPolicy",
  metadata: { name: "limits" },
  spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
});
/** Within a test nothing comes back. */
const few = (requests: number): object => ({ requests, burst: requests, unit: "Day" });
const local = (...rules: readonly object[]): object => ({ local: { rules } });

test("an instance takes so many requests, of each user fewer, and tells clients", async () => {
  await mesh.apply(
    policy(
      local(
        { name: "everyone", limit: few(4) },
        { name: "each-user", per: [{ type: "Header", name: "x-user" }], limit: few(2) },
      ),
    ),
  );
  assert.deepEqual(await statuses(3, "/", { "x-user": "ann" }), [200, 200, 429]);
  const { headers } = await mesh.ask("/", { headers: { "x-user": "bob" } });
  assert.deepEqual([headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]], ["2", "1"]);
  assert.equal((await mesh.ask()).status, 200);
  const refused = await mesh.ask("/", { headers: { accept: "application/json" } });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.equal(refused.headers["ratelimit-policy"], '"everyone";q=4;w=86400');
  assert.match(String(refused.headers["ratelimit"]), /^"everyone";r=0;t=\d+$/);
  const { flag, details, message } = JSON.parse(refused.body);
  assert.deepEqual([flag, details], ["RL", "local_rate_limited"]);
  assert.match(message, /default\/limits, rule everyone/);
  const listed = await mesh.tulle("get", "ratelimitpolicies");
  assert.match(listed, /limits.*Service\/catalog.*Server.*everyone 4\/Day, each-user 2\/Day.*True/);
});

test("a change elsewhere in the policy gives nobody a full bucket", async () => {
  const user = { "x-user": "ann" };
  await mesh.apply(
    policy(local({ name: "each-user", per: [{ type: "Header", name: "x-user" }], limit: few(2) })),
  );
  assert.deepEqual(await statuses(1, "/", user), [429]);
  assert.deepEqual(await statuses(2), [200, 200]);
});

test("callers are told apart by their certificates", async () => {
  const match = (serviceAccount: string): object => ({ caller: { serviceAccount } });
  await mesh.apply(
    policy(
      local(
        { name: "stranger", match: match("nobody"), limit: few(1) },
        { name: "client", match: match("client"), limit: few(2) },
        { name: "each", per: [{ type: "Caller" }], limit: few(3) },
      ),
    ),
  );
  assert.deepEqual(await statuses(3), [200, 200, 429]);
});

test("what is observed is not refused", async () => {
  await mesh.apply(policy({ mode: "Observe", ...local({ name: "observed", limit: few(1) }) }));
  assert.deepEqual(await statuses(3), [200, 200, 200]);
});

test("callers keep to limits of their own for a route", async () => {
  await mesh.tulle("delete", "ratelimitpolicy", "limits");
  await mesh.apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [{ backendRefs: [{ name: "catalog", port: 80 }] }],
    },
  });
  const targetRefs = [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "catalog" }];
  await mesh.apply(policy({ targetRefs, ...local({ name: "route", limit: few(1) }) }));
  assert.deepEqual(await statuses(2), [200, 429]);
  await mesh.tulle("delete", "httproute", "catalog");
});

test("an instance that has enough to do refuses the rest", async () => {
  await mesh.apply(policy({ loadShedding: { minConcurrency: 1, maxConcurrency: 1 } }));
  const held = mesh.ask("/held");
  // As soon as the one request is at the app, there is no place for another.
  let shed: Answer;
  do shed = await mesh.ask("/", { headers: { accept: "application/json" } });
  while (shed.status === 200);
  assert.equal(shed.status, 503);
  assert.equal(shed.headers["retry-after"], "1");
  const { flag, details } = JSON.parse(shed.body);
  assert.deepEqual([flag, details], ["OM", "reached_concurrency_limit"]);
  assert.equal((await held).status, 200);
  assert.equal((await mesh.ask()).status, 200);
  await mesh.tulle("delete", "ratelimitpolicy", "limits");
});

test("a caller's sidecar takes so many connections, and closes others", async () => {
  await mesh.apply(policy({ where: "Client", connections: { max: 1, newPerSecond: 1_000 } }));
  // The connection that is kept is served on.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal((await mesh.ask("/", { agent })).status, 200);
  await assert.rejects(mesh.ask(), /ECONNRESET|socket hang up/);
  assert.equal((await mesh.ask("/", { agent })).status, 200);
  const listed = await mesh.tulle("get", "ratelimitpolicies");
  assert.match(listed, /Client.*1 connections, 1000 new connections\/Second/);
  agent.destroy();
  // Its place is another's as soon as the sidecar has seen it go.
  let status = 0;
  while (status !== 200)
    status = await mesh.ask().then(
      (answer) => answer.status,
      () => 0,
    );
  await mesh.tulle("delete", "ratelimitpolicy", "limits");
});

test("an instance's sidecar takes so many connections of whoever calls, and describe says so", async () => {
  await mesh.apply(policy({ connections: { max: 1, newPerSecond: 1_000, burst: 9 } }));
  const described = await mesh.tulle("describe", "service", "catalog");
  assert.match(described, /connections\.max\s+1 at each instance\s+RateLimitPolicy/);
  assert.match(described, /connections\.newPerSecond\s+1000 in 1s, 9 at once, at each instance/);
  const { items } = JSON.parse(await mesh.tulle("get", "workloads", "-o", "json"));
  const workload = items.find(
    ({ metadata }: Workload) => metadata.labels?.["app"] === "catalog",
  ) as Workload;
  const { address, ports } = workload.spec;
  const at = { host: address, port: ports[0]?.inboundPort ?? 0 };
  // The caller's sidecar was there before the limit: it is not counted, and goes on.
  const hello = await clientHello();
  const first = connect(at).on("error", () => {});
  first.write(hello);
  await once(first, "data");
  const second = connect(at).on("error", () => {});
  second.write(hello);
  second.on("data", () => assert.fail("it is served"));
  await once(second, "close");
  assert.equal(first.closed, false);
  assert.equal((await mesh.ask()).status, 200);
  first.destroy();
  await mesh.tulle("delete", "ratelimitpolicy", "limits");
});

/** How a caller begins. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const write = (bytes: Buffer, _encoding: string, done: () => void): void => {
      resolve(bytes);
      done();
    };
    connectTls({ socket: new Duplex({ read: () => {}, write }), ALPNProtocols: ["h2"] });
  });
}

/** As the command line shows it. */
interface Workload {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly address: string;
    readonly ports: readonly { readonly inboundPort: number }[];
  };
}

test("what is wrong in a RateLimitPolicy is told by field", async () => {
  const wrong = policy({
    where: "Client",
    mode: "Observe",
    loadShedding: {},
    connections: { burst: 5 },
    ...local(
      { name: "a", match: { caller: { serviceAccount: "x" } }, limit: few(1) },
      { name: "a", per: [{ type: "Header" }, { type: "Caller" }], limit: { requests: 0 } },
      { name: "b", match: { sourceCIDR: "10.0.0.0/33" }, limit: few(1) },
    ),
  });
  const { code, output } = await mesh.tryApply(wrong);
  assert.notEqual(code, 0);
  for (const place of [
    /spec\.local\.rules\[0\]\.match\.caller.*set where to Server/s,
    /spec\.local\.rules\[1\]\.name.*must be unique/s,
    /spec\.local\.rules\[1\]\.per\[0\]\.name.*needs a name/s,
    /spec\.local\.rules\[1\]\.per\[1\]/,
    /spec\.local\.rules\[1\]\.limit\.requests/,
    /spec\.local\.rules\[2\]\.match\.sourceCIDR.*10\.0\.0\.0\/8/s,
    /spec\.connections.*needs one of max, newPerSecond/s,
    /spec\.connections\.burst.*is of newPerSecond/s,
    /spec\.mode.*must be Enforce/s,
    /spec\.loadShedding.*set where to Server/s,
  ]) {
    assert.match(output, place);
  }
});
