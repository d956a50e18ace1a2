/**
 * Retries, timeouts, hedging, circuit breakers and connection pools as people ask for them: TrafficPolicies by YAML and the
 * command line, a control plane, a real sidecar, and servers that see what it does.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { until } from "../support/until.ts";
import type { Answer, Question } from "./catalog-mesh.ts";
import { type OutsideHost, OutsideMesh, type Respond } from "./outside-mesh.ts";

let outside: OutsideMesh;
let a: OutsideHost;
let b: OutsideHost;

before(async () => {
  outside = await OutsideMesh.start("connections", 2);
  [a, b] = outside.hosts as [OutsideHost, OutsideHost];
});

after(() => outside?.remove());

const ask = (path = "/", question: Question = {}): Promise<Answer> =>
  outside.mesh.ask(path, { at: outside.at, ...question });

const inTurn = { loadBalancer: { algorithm: "RoundRobin" }, outlierDetection: { enabled: false } };
const plenty = { percent: 100, minimumConcurrency: 100 };
const quick = { base: "1ms", max: "1ms" };

/** Six requests in turn, of which one host had some in any case. */
async function bodies(question: Question = {}): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let i = 0; i < 6; i++) {
    const { status, body } = await ask("/", question);
    seen.push(`${status} ${body}`);
  }
  return seen;
}

const ALL_OF_B = Array.from({ length: 6 }, () => "200 b");

test("retries by status, header field and status of gRPC, at another host", async () => {
  const retries = { attempts: 1, on: [], avoidPreviousHosts: true, backoff: quick, budget: plenty };
  const grpc = { headers: { "content-type": "application/grpc", te: "trailers" }, method: "POST" };
  const cases: readonly (readonly [what: object, refuse: Respond, question?: Question])[] = [
    [{ statusCodes: [418] }, (_, response) => response.writeHead(418).end("a")],
    [{ headers: ["x-elsewhere"] }, (_, response) => response.setHeader("x-elsewhere", "1").end()],
    [{ on: ["gateway-error"] }, (_, response) => response.writeHead(502).end("a")],
    [{ on: ["reset"] }, (request) => request.socket.destroy()],
    [
      { on: ["resource-exhausted"] },
      (_, response) =>
        response.writeHead(200, { "content-type": "application/grpc", "grpc-status": "8" }).end(),
      grpc,
    ],
  ];
  for (const [what, refuse, question] of cases) {
    await outside.apply({ ...inTurn, retries: { ...retries, ...what } });
    a.respond = refuse;
    assert.deepEqual(await bodies(question), ALL_OF_B, JSON.stringify(what));
    assert.ok(a.requests.length >= 2, JSON.stringify(what));
  }
});

/** The first try of each path is refused; resolves with the milliseconds until the second came. */
function pauses(refuse: Respond): (path: string) => Promise<number> {
  const began = new Map<string, number>();
  const pauseOf = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? "";
    const beganMs = began.get(path);
    if (beganMs !== undefined) {
      response.end(String(performance.now() - beganMs));
      return;
    }
    began.set(path, performance.now());
    refuse(request, response);
  };
  for (const host of outside.hosts) host.respond = pauseOf;
  return async (path) => Number((await ask(path)).body);
}

test("retries wait: a random back-off, or as long as the answer says", async () => {
  const retries = { attempts: 1, statusCodes: [429], budget: plenty };
  await outside.apply({
    ...inTurn,
    retries: { ...retries, backoff: { base: "500ms", max: "1s" } },
  });
  const backOff = pauses((_, response) => response.writeHead(429).end());
  const waited = await Promise.all(Array.from({ length: 12 }, (_, index) => backOff(`/${index}`)));
  assert.ok(Math.max(...waited) - Math.min(...waited) > 50, waited.join(" "));
  await outside.apply({ ...inTurn, retries: { ...retries, backoff: quick } });
  const told = pauses((_, response) => response.writeHead(429, { "retry-after": "1" }).end());
  assert.ok((await told("/told")) > 900);
  await outside.apply({
    ...inTurn,
    retries: { ...retries, backoff: quick, retryAfterMaximum: "1s" },
  });
  // Nobody waits an hour: what is longer than the maximum counts for nothing.
  const long = pauses((_, response) => response.writeHead(429, { "retry-after": "3600" }).end());
  assert.ok((await long("/long")) >= 0);
});

test("a try that hangs is ended, or overtaken by one at another host", async () => {
  const retries = { attempts: 1, on: ["gateway-error"], backoff: quick, budget: plenty };
  for (const spec of [
    { timeouts: { perTry: "150ms" }, retries },
    { hedging: { delay: "150ms" }, retries },
  ]) {
    await outside.apply({ ...inTurn, ...spec });
    a.respond = () => {};
    assert.deepEqual(await bodies(), ALL_OF_B);
    assert.ok(a.requests.length >= 2);
  }
});

test("streams end with their time, and when they are silent for too long", async () => {
  const drip: Respond = (_request, response) => {
    const timer = setInterval(() => response.write("x"), 20);
    response.once("close", () => clearInterval(timer));
  };
  const silent: Respond = (_request, response) => response.write("x");
  for (const [timeouts, respond] of [
    [{ stream: "300ms" }, drip],
    [{ idle: "300ms" }, silent],
  ] as const) {
    await outside.apply({ ...inTurn, timeouts });
    for (const host of outside.hosts) host.respond = respond;
    const beganMs = performance.now();
    await assert.rejects(ask(), /aborted|ECONNRESET|terminated/, JSON.stringify(timeouts));
    assert.ok(performance.now() - beganMs > 290);
  }
  await outside.apply({ ...inTurn, timeouts: { request: "200ms" } });
  for (const host of outside.hosts) host.respond = () => {};
  assert.equal((await ask()).status, 504);
});

test("circuit breakers: so many requests, connections and requests that wait", async () => {
  await outside.apply({ ...inTurn, circuitBreakers: { maxRequests: 1 } });
  const held: ServerResponse[] = [];
  const hold: Respond = (_request, response) => held.push(response);
  for (const host of outside.hosts) host.respond = hold;
  const first = ask();
  await until(() => held.length === 1);
  const refused = await ask("/", { headers: { accept: "application/json" } });
  assert.deepEqual([refused.status, JSON.parse(refused.body).flag], [503, "UO"]);
  held.pop()?.end("done");
  assert.equal((await first).body, "done");
  const circuitBreakers = { maxConnections: 1, maxPendingRequests: 1 };
  await outside.apply({ ...inTurn, circuitBreakers });
  for (const host of outside.hosts) host.respond = hold;
  // As in Envoy, each host has its first connection in any case. A request that waits for it counts as one that waits.
  const carried = [ask()];
  await until(() => held.length === 1);
  carried.push(ask());
  await until(() => held.length === 2);
  const more = [ask(), ask()];
  assert.equal((await Promise.race(more)).status, 503);
  for (let left = carried.length + 1; left > 0; left--) {
    await until(() => held.length > 0);
    held.pop()?.end("done");
  }
  const statuses = (await Promise.all([...carried, ...more])).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 200, 200, 503]);
});

test("connections end after requests, by their age and when nothing is under way", async () => {
  const counted = (): number => a.connectionCount + b.connectionCount;
  await outside.apply({ ...inTurn, connectionPool: { maxRequestsPerConnection: 2 } });
  let before = counted();
  for (let i = 0; i < 8; i++) await ask();
  assert.equal(counted() - before, 4);
  for (const spec of [
    { connectionPool: { maxConnectionDuration: "200ms" } },
    { timeouts: { connectionIdle: "200ms" } },
  ]) {
    await outside.apply({ ...inTurn, ...spec });
    before = counted();
    for (let i = 0; i < 2; i++) await ask();
    assert.ok(counted() > before, "a changed pool begins with connections of its own");
    await Promise.all([...a.open, ...b.open].map((socket) => once(socket, "close")));
  }
});

/** Which timer the system runs for a connection to this port: proc_net_tcp(5), `tr`; 02 for keep-alive. */
function timersTo(port: number): readonly string[] {
  const remote = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to = ""]) => to.endsWith(`:${remote}`))
    .map(([, , , , , timer = ""]) => timer.split(":")[0] ?? "");
}

test("TCP keep-alive watches idle connections", async () => {
  await outside.apply({ ...inTurn, connectionPool: { tcpKeepalive: { time: "60s" } } });
  for (let i = 0; i < 2; i++) await ask();
  await until(() => timersTo(a.port).includes("02") && timersTo(b.port).includes("02"));
});
