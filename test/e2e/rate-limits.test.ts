/**
 * RateLimitPolicies as people get them: YAML, the command line, the control plane and two real sidecars, at the
 * instances and at the callers, and what clients, metrics and `tulle get` say of them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { TulleHome } from "./tulle-process.ts";

const APP = `
require("node:http").createServer((request, response) => {
  if (request.url !== "/held") return response.end("done");
  setTimeout(() => response.end("done"), 1500);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = `
const { CATALOG_SERVICE_HOST: host, CATALOG_SERVICE_PORT: port } = process.env;
console.log("catalog at " + host + ":" + port + ".");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

let home: TulleHome;
let address: { readonly host: string; readonly port: number };

before(async () => {
  home = await TulleHome.create();
  const services = {
    catalog: { command: ["node", "app.js"], port: "http=auto" },
    client: { command: ["node", "client.js"], dependsOn: ["catalog"] },
  };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "limits", services }));
  await writeFile(join(home.path, "app.js"), APP);
  await writeFile(join(home.path, "client.js"), CLIENT);
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, host = "", port] = await up.waitFor(/catalog at (\S+):(\d+)\./);
  address = { host, port: Number(port) };
});

after(() => home?.remove());

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

async function ask(path = "/", headers = {}): Promise<Answer> {
  const outgoing = request({ ...address, path, headers, agent: false });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function statuses(count: number, path?: string, headers?: object): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await ask(path, headers)).status);
  return seen;
}

async function tulle(...words: string[]): Promise<string> {
  const { code, output } = await home.start(words).ended;
  assert.equal(code, 0, output);
  return output;
}

async function apply(object: object): Promise<void> {
  const file = join(home.path, "objects.yaml");
  await writeFile(file, JSON.stringify(object));
  await tulle("apply", "--wait", "-f", file);
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
  await apply(
    policy(
      local(
        { name: "everyone", limit: few(4) },
        { name: "each-user", per: [{ type: "Header", name: "x-user" }], limit: few(2) },
      ),
    ),
  );
  assert.deepEqual(await statuses(3, "/", { "x-user": "ann" }), [200, 200, 429]);
  const { headers } = await ask("/", { "x-user": "bob" });
  assert.deepEqual([headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]], ["2", "1"]);
  assert.equal((await ask()).status, 200);
  const refused = await ask("/", { accept: "application/json" });
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  const { flag, details, message } = JSON.parse(refused.body);
  assert.deepEqual([flag, details], ["RL", "local_rate_limited"]);
  assert.match(message, /default\/limits, rule everyone/);
  const listed = await tulle("get", "ratelimitpolicies");
  assert.match(listed, /limits.*Service\/catalog.*Server.*everyone 4\/Day, each-user 2\/Day.*True/);
});

test("a change elsewhere in the policy gives nobody a full bucket", async () => {
  const user = { "x-user": "ann" };
  await apply(
    policy(local({ name: "each-user", per: [{ type: "Header", name: "x-user" }], limit: few(2) })),
  );
  assert.deepEqual(await statuses(1, "/", user), [429]);
  assert.deepEqual(await statuses(2), [200, 200]);
});

test("callers are told apart by their certificates", async () => {
  const match = (serviceAccount: string): object => ({ caller: { serviceAccount } });
  await apply(
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
  await apply(policy({ mode: "Observe", ...local({ name: "observed", limit: few(1) }) }));
  assert.deepEqual(await statuses(3), [200, 200, 200]);
});

test("callers keep to limits of their own for a route", async () => {
  await tulle("delete", "ratelimitpolicy", "limits");
  await apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [{ backendRefs: [{ name: "catalog", port: 80 }] }],
    },
  });
  const targetRefs = [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "catalog" }];
  await apply(policy({ targetRefs, ...local({ name: "route", limit: few(1) }) }));
  assert.deepEqual(await statuses(2), [200, 429]);
  await tulle("delete", "httproute", "catalog");
});

test("an instance that has enough to do refuses the rest", async () => {
  await apply(policy({ loadShedding: { minConcurrency: 1, maxConcurrency: 1 } }));
  const held = ask("/held");
  // As soon as the one request is at the app, there is no place for another.
  let shed: Answer;
  do shed = await ask("/", { accept: "application/json" });
  while (shed.status === 200);
  assert.equal(shed.status, 503);
  assert.equal(shed.headers["retry-after"], "1");
  const { flag, details } = JSON.parse(shed.body);
  assert.deepEqual([flag, details], ["OM", "reached_concurrency_limit"]);
  assert.equal((await held).status, 200);
  assert.equal((await ask()).status, 200);
  await tulle("delete", "ratelimitpolicy", "limits");
});

test("what is wrong in a RateLimitPolicy is told by field", async () => {
  const wrong = policy({
    where: "Client",
    loadShedding: {},
    ...local(
      { name: "a", match: { caller: { serviceAccount: "x" } }, limit: few(1) },
      { name: "a", per: [{ type: "Header" }, { type: "Caller" }], limit: { requests: 0 } },
      { name: "b", match: { sourceCIDR: "10.0.0.0/33" }, limit: few(1) },
    ),
  });
  const file = join(home.path, "wrong.yaml");
  await writeFile(file, JSON.stringify(wrong));
  const { code, output } = await home.start(["apply", "-f", file]).ended;
  assert.notEqual(code, 0);
  for (const place of [
    /spec\.local\.rules\[0\]\.match\.caller.*set where to Server/s,
    /spec\.local\.rules\[1\]\.name.*must be unique/s,
    /spec\.local\.rules\[1\]\.per\[0\]\.name.*needs a name/s,
    /spec\.local\.rules\[1\]\.per\[1\]/,
    /spec\.local\.rules\[1\]\.limit\.requests/,
    /spec\.local\.rules\[2\]\.match\.sourceCIDR.*10\.0\.0\.0\/8/s,
    /spec\.loadShedding.*set where to Server/s,
  ]) {
    assert.match(output, place);
  }
});
