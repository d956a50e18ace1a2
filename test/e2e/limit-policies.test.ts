/**
 * What RateLimitPolicies tell apart, as people ask for it: by path, method, field, parameter and source, for gRPC, for
 * connections, bytes and classes of requests; and clients of others that wait as they are told. By YAML, the command line, a
 * control plane and real sidecars.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Agent, RetryAgent, request as undiciRequest } from "undici";
import { needs } from "../peers/peer-process.ts";
import { CatalogMesh, type Question, type ServiceAddress } from "./catalog-mesh.ts";

const run = promisify(execFile);
const LARGE_BYTES = 300 * 1024;

/** `/hold` is answered when `/release` is asked for. */
const APP = `
let held = [];
require("node:http").createServer((request, response) => {
  if (request.url === "/large") return response.end("x".repeat(${LARGE_BYTES}));
  if (request.url === "/hold") return held.push(response);
  if (request.url === "/release") for (const other of held.splice(0)) other.end("held");
  request.resume().on("end", () => response.end("done"));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;
let catalog: ServiceAddress;

before(async () => {
  mesh = await CatalogMesh.start({ name: "limits", app: APP });
  catalog = await mesh.addressOf("catalog");
});

after(() => mesh?.remove());

async function apply(spec: object): Promise<void> {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "RateLimitPolicy",
    metadata: { name: "limits" },
    spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
  });
}

/** Within a test nothing comes back. */
const once1 = { requests: 1, burst: 1, unit: "Day" };

async function statuses(...questions: readonly (readonly [string, Question?])[]) {
  const seen: number[] = [];
  for (const [path, question] of questions) seen.push((await mesh.ask(path, question)).status);
  return seen;
}

test("rules for some requests: by path, method, field and parameter", async () => {
  const exact = (name: string, value: string) => [{ type: "Exact", name, value }];
  for (const where of ["Server", "Client"]) {
    const rule = (name: string, match: object) => ({
      name: `${name}-${where}`.toLowerCase(),
      match,
      limit: once1,
    });
    await apply({
      where,
      local: {
        rules: [
          rule("path", { path: { type: "PathPrefix", value: "/items" } }),
          rule("method", { method: "DELETE" }),
          rule("field", { headers: exact("x-plan", "free") }),
          rule("parameter", { queryParams: exact("kind", "all") }),
        ],
      },
    });
    const free = { headers: { "x-plan": "free" } };
    const erase = { method: "DELETE" };
    assert.deepEqual(await statuses(["/items/1"], ["/items/2"], ["/itemsx"]), [200, 429, 200]);
    assert.deepEqual(await statuses(["/a", erase], ["/b", erase], ["/b"]), [200, 429, 200]);
    assert.deepEqual(await statuses(["/a", free], ["/b", free], ["/b"]), [200, 429, 200]);
    assert.deepEqual(
      await statuses(["/?kind=all"], ["/x?kind=all"], ["/?kind=a"]),
      [200, 429, 200],
    );
  }
});

/** The status of a request from an address of this machine. */
async function from(localAddress: string): Promise<number | undefined> {
  const outgoing = request({ ...catalog, localAddress, agent: false }).end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

test("rules for a network, and for each address", async () => {
  const network = { name: "network", match: { sourceCIDR: "127.0.0.8/29" }, limit: once1 };
  await apply({ where: "Client", local: { rules: [network] } });
  assert.deepEqual(
    [await from("127.0.0.9"), await from("127.0.0.10"), await from("127.0.0.16")],
    [200, 429, 200],
  );
  const each = { name: "each", per: [{ type: "SourceAddress" }], limit: once1 };
  await apply({ where: "Client", local: { rules: [each] } });
  assert.deepEqual(
    [await from("127.0.0.9"), await from("127.0.0.10"), await from("127.0.0.9")],
    [200, 200, 429],
  );
});

test("calls of gRPC that are refused end with RESOURCE_EXHAUSTED", async () => {
  await apply({ local: { rules: [{ name: "calls", limit: once1 }] } });
  const headers = { "content-type": "application/grpc", te: "trailers" };
  await mesh.ask("/shop/list", { headers, method: "POST" });
  const refused = await mesh.ask("/shop/list", { headers, method: "POST" });
  assert.deepEqual([refused.status, refused.headers["grpc-status"]], [200, "8"]);
});

test("so many new connections a second", async () => {
  await apply({ where: "Client", connections: { newPerSecond: 1, burst: 1 } });
  assert.equal((await mesh.ask()).status, 200);
  await assert.rejects(mesh.ask(), /ECONNRESET|socket hang up/);
  // A second later there is room for one more.
  let status = 0;
  while (status !== 200)
    status = await mesh.ask().then(
      (answer) => answer.status,
      () => 0,
    );
});

test("so many bytes a second", async () => {
  await apply({ bandwidth: { response: { kibibytesPerSecond: 200 } } });
  const beganMs = performance.now();
  assert.equal((await mesh.ask("/large")).body.length, LARGE_BYTES);
  // 300 KiB at 200 a second, of which the first 30 may leave at once.
  assert.ok(performance.now() - beganMs > 1_000);
  await apply({ bandwidth: { request: { kibibytesPerSecond: 200 } } });
  const againMs = performance.now();
  const url = `http://${catalog.host}:${catalog.port}/`;
  const sent = await undiciRequest(url, { method: "POST", body: "x".repeat(LARGE_BYTES) });
  assert.deepEqual([sent.statusCode, await sent.body.text()], [200, "done"]);
  assert.ok(performance.now() - againMs > 1_000);
});

test("requests that can be spared are refused while critical ones are served", async () => {
  const plan = (value: string) => ({ headers: [{ name: "x-plan", value }] });
  await apply({
    loadShedding: {
      ...{ minConcurrency: 4, maxConcurrency: 4 },
      classes: [
        { priority: "Critical", match: plan("gold") },
        { priority: "Sheddable", match: plan("free") },
      ],
    },
  });
  const of = (value: string, path = "/") =>
    mesh.ask(path, { headers: { "x-plan": value, accept: "application/json" } });
  const held = Array.from({ length: 3 }, () => of("gold", "/hold"));
  // Of four places the last is for critical requests alone.
  let refused = await of("free");
  while (refused.status === 200) refused = await of("free");
  assert.equal(refused.status, 503);
  const { flag, message } = JSON.parse(refused.body);
  assert.equal(flag, "OM");
  assert.match(message, /class sheddable/);
  assert.equal((await of("gold", "/release")).status, 200);
  for (const answer of await Promise.all(held)) assert.equal(answer.body, "held");
});

test("a service that does not answer is waited for as long as the policy says", async (context) => {
  const silent: Server = createServer((socket) => void socket.on("error", () => {}));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  context.after(() => silent.close());
  const service = { address: `127.0.0.1:${(silent.address() as AddressInfo).port}` };
  const rules = [{ name: "all" }];
  await apply({ global: { rules, service, timeout: "400ms", onFailure: "Deny" } });
  const beganMs = performance.now();
  assert.equal((await mesh.ask()).status, 500);
  assert.ok(performance.now() - beganMs > 390);
});

/** One token in three seconds: who does not wait as told has one refusal after the other. */
const threeSeconds = {
  local: { rules: [{ name: "slow", limit: { requests: 20, burst: 1, unit: "Minute" } }] },
};

async function takeToken(): Promise<string> {
  await apply(threeSeconds);
  while ((await mesh.ask()).status === 200);
  return `http://${catalog.host}:${catalog.port}/`;
}

test("curl waits as Retry-After says", needs("curl"), async () => {
  const url = await takeToken();
  const { stdout, stderr } = await run("curl", ["-f", "--retry", "5", "-w", "%{http_code}", url]);
  assert.equal(stdout, "done200");
  assert.match(stderr, /Will retry in [23] second/);
});

test("undici waits as Retry-After says", async () => {
  const url = await takeToken();
  const agent = new RetryAgent(new Agent(), { maxRetries: 3, minTimeout: 1, timeoutFactor: 1 });
  const beganMs = performance.now();
  const { statusCode, body } = await undiciRequest(url, { dispatcher: agent });
  assert.deepEqual([statusCode, await body.text()], [200, "done"]);
  assert.ok(performance.now() - beganMs > 1_000, "its own pause would be a millisecond");
  await agent.close();
});

const PYTHON = `
import sys, time
try:
    import urllib3
except ImportError:
    from pip._vendor import urllib3
print("ready", flush=True)
url = sys.stdin.readline().strip()
retries = urllib3.Retry(total=5, status_forcelist=[429], respect_retry_after_header=True, backoff_factor=0)
began = time.monotonic()
response = urllib3.PoolManager(retries=retries).request("GET", url)
history = [item.status for item in response.retries.history]
print(response.status, history, time.monotonic() - began > 1)
`;

test("Python's urllib3 waits as Retry-After says", needs("python3"), async () => {
  const python = spawn("python3", ["-c", PYTHON], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(python.stdout);
  // On a busy machine it starts for longer than a token takes to come.
  await once(lines, "line");
  python.stdin.end(`${await takeToken()}\n`);
  const [line] = await once(lines, "line");
  assert.match(line, /^200 \[429(, 429)?\] True$/);
});
