/** Sidecars with several workers as real processes: who serves, what is counted, and what happens when one dies. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, type ListenerSpec } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import {
  askAll,
  askEveryWorker,
  becomes,
  firstWorker,
  isAlive,
  metric,
  openConnections,
  socketCount,
  workerPids,
} from "../support/worker-fixture.ts";

const CONNECTIONS = 60;

function workers(count: number): readonly string[] {
  return ["--workers", String(count)];
}

async function start(
  context: TestContext,
  count: number,
  listener: Partial<ListenerSpec> = {},
  upstream?: RawUpstream,
): Promise<ProxyProcess> {
  const app = upstream ?? (await RawUpstream.echo(context));
  const bootstrap = bootstrapOf(
    [{ routes: "app", ...listener }],
    [{ name: "app", endpoints: [app.port] }],
  );
  return await ProxyProcess.start(context, bootstrap, workers(count));
}

for (const count of [2, 3]) {
  test(`${count} workers share one port, and the sums are exact`, async (context) => {
    const proxy = await start(context, count);
    const pids = [...(await workerPids(proxy)).values()];
    assert.equal(new Set(pids).size, count);
    const before = pids.map(socketCount);
    const clients = await openConnections(proxy.port("main"), CONNECTIONS);
    for (let i = 0; i < 5; i++) await askAll(clients, `/${i}`);
    // Each connection from a client has one to the app at most.
    const share = pids.map((pid, index) => socketCount(pid) - (before[index] ?? 0));
    for (const sockets of share) assert.ok(sockets > CONNECTIONS / count / 4, String(share));
    const requests = CONNECTIONS * 5;
    assert.equal(await metric(proxy, "istio_requests_total"), requests);
    const name = "istio_request_duration_milliseconds";
    assert.equal(await metric(proxy, `${name}_count`), requests);
    assert.equal(await metric(proxy, `${name}_bucket`, 'le="+Inf"'), requests);
    assert.equal(await metric(proxy, "tulle_downstream_connections_total"), CONNECTIONS);
    assert.equal(await metric(proxy, "tulle_downstream_connections_active"), CONNECTIONS);
    assert.equal(await metric(proxy, "istio_build"), 1);
    assert.equal(await metric(proxy, "tulle_worker_up"), count);
    const { body } = await proxy.admin("/clusters");
    assert.match(body, new RegExp(`::rq_total::${requests}\n`));
    assert.match(body, /^app::endpoints::1$/m);
    assert.match((await proxy.admin("/listeners")).body, /^main::127\.0\.0\.1:\d+\n$/);
    const listeners = JSON.parse((await proxy.admin("/listeners?format=json")).body);
    const [{ accepted_connections: accepted }] = listeners.listener_statuses;
    assert.equal(
      Object.values<number>(accepted).reduce((a, b) => a + b),
      CONNECTIONS,
    );
    assert.equal((await proxy.admin("/ready")).body, "LIVE\n");
    for (const client of clients) client.close();
  });
}

test("a worker that is killed is replaced, others serve meanwhile, and no count is lost", async (context) => {
  const proxy = await start(context, 2);
  const port = proxy.port("main");
  await askAll(await openConnections(port, CONNECTIONS));
  assert.equal(await metric(proxy, "istio_requests_total"), CONNECTIONS);
  const killed = await firstWorker(proxy);
  process.kill(killed, "SIGKILL");
  const ended = await proxy.line("worker ended; starting it again");
  assert.deepEqual([ended["worker"], ended["pid"], ended["reason"]], [0, killed, "SIGKILL"]);
  for (let i = 0; i < 4; i++) await askEveryWorker(port, 10);
  assert.equal((await proxy.admin("/ready")).body, "LIVE\n");
  assert.equal(await metric(proxy, "istio_requests_total"), CONNECTIONS + 40);
  await becomes(async () => (await workerPids(proxy)).size === 2);
  const born = await firstWorker(proxy);
  assert.notEqual(born, killed);
  const before = socketCount(born);
  const clients = await openConnections(port, CONNECTIONS);
  await askAll(clients);
  assert.ok(socketCount(born) > before);
  assert.equal(await metric(proxy, "istio_requests_total"), 2 * CONNECTIONS + 40);
  assert.equal(await metric(proxy, "tulle_worker_restarts_total"), 1);
});

test("all workers killed at once come back on the same port", async (context) => {
  const proxy = await start(context, 2);
  const port = proxy.port("main");
  const pids = [...(await workerPids(proxy)).values()];
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await becomes(async () => {
    const now = [...(await workerPids(proxy)).values()];
    return now.length === 2 && now.every((pid) => !pids.includes(pid));
  });
  await askEveryWorker(port);
});

test("a worker that hangs does not hold up a scrape, which says so", async (context) => {
  const proxy = await start(context, 2);
  await askAll(await openConnections(proxy.port("main"), CONNECTIONS));
  assert.equal(await metric(proxy, "istio_requests_total"), CONNECTIONS);
  const hung = await firstWorker(proxy);
  process.kill(hung, "SIGSTOP");
  const { body } = await proxy.admin("/metrics");
  assert.match(body, /^tulle_worker_up\{worker="0"\} 0$/m);
  assert.match(body, /^tulle_worker_up\{worker="1"\} 1$/m);
  assert.match(body, new RegExp(`^istio_requests_total\\{.*\\} ${CONNECTIONS}$`, "m"));
  process.kill(hung, "SIGCONT");
  await becomes(async () => (await metric(proxy, "tulle_worker_up")) === 2);
  assert.equal(await metric(proxy, "istio_requests_total"), CONNECTIONS);
});

test("SIGTERM lets requests in flight finish in every worker, then all processes end", async (context) => {
  const held: (() => void)[] = [];
  const app = await RawUpstream.start(context, {
    onRequest: (request) => void held.push(() => request.reply("late")),
  });
  const proxy = await start(context, 3, {}, app);
  const pids = [...(await workerPids(proxy)).values()];
  const port = proxy.port("main");
  const clients = await openConnections(port, 30);
  for (const client of clients) client.get();
  await becomes(() => held.length === 30);
  proxy.child.kill("SIGTERM");
  await proxy.line("draining");
  await becomes(() => refuses(port));
  assert.ok(pids.every(isAlive));
  for (const answer of held) answer();
  for (const client of clients) assert.equal((await client.response()).body, "late");
  assert.equal(await proxy.exit(), 0);
  assert.deepEqual(pids.filter(isAlive), []);
});

test("/drain_listeners closes the listeners of all workers", async (context) => {
  const proxy = await start(context, 2);
  const port = proxy.port("main");
  await askEveryWorker(port, 10);
  await proxy.admin("/drain_listeners", "POST");
  await becomes(() => refuses(port));
  assert.deepEqual(await proxy.admin("/ready"), { status: 503, body: "DRAINING\n" });
  assert.equal((await workerPids(proxy)).size, 2);
});

test("workers do not outlive their coordinator, and no signal to all makes them go first", async (context) => {
  const proxy = await start(context, 2);
  const pids = [...(await workerPids(proxy)).values()];
  for (const pid of pids) process.kill(pid, "SIGINT");
  await askEveryWorker(proxy.port("main"));
  assert.deepEqual([...(await workerPids(proxy)).values()], pids);
  proxy.child.kill("SIGKILL");
  await proxy.exit();
  await becomes(() => !pids.some(isAlive));
});

test("an address that another process has is refused, shared or not", async (context) => {
  const app = await RawUpstream.echo(context);
  const first = await start(context, 2);
  const port = first.port("main");
  const bootstrap = bootstrapOf(
    [{ routes: "app", port }],
    [{ name: "app", endpoints: [app.port] }],
  );
  for (const count of [1, 2]) {
    const second = ProxyProcess.spawn(context, bootstrap, workers(count));
    assert.equal(await second.exit(), 1);
    assert.match(
      second.words.join("\n"),
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: address already in use`),
    );
  }
  await askEveryWorker(port);
});

test("access log lines of all workers are whole", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-workers-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "access.log");
  const log = (type: string, more: JsonObject): JsonObject => ({
    name: "log",
    typed_config: {
      "@type": `type.googleapis.com/envoy.extensions.access_loggers.${type}`,
      log_format: { text_format_source: { inline_string: "begin %REQ(:PATH)% end\n" } },
      ...more,
    },
  });
  const logs = [log("stream.v3.StdoutAccessLog", {}), log("file.v3.FileAccessLog", { path })];
  const proxy = await start(context, 3, { manager: { access_log: logs } });
  const clients = await openConnections(proxy.port("main"), CONNECTIONS);
  const paths = "abcdefghij".split("").map((letter) => `/${letter.repeat(3_000)}`);
  for (const target of paths) await askAll(clients, target);
  for (const client of clients) client.close();
  proxy.child.kill("SIGTERM");
  assert.equal(await proxy.exit(), 0);
  await becomes(() => proxy.output.length >= CONNECTIONS * paths.length);
  const expected = paths.map((target) => [`begin ${target} end`, CONNECTIONS] as const);
  assert.deepEqual(countsOf(proxy.output), expected);
  assert.deepEqual(countsOf(readFileSync(path, "utf8").split("\n").slice(0, -1)), expected);
});

test("the log level of all workers changes, and a worker that starts later has it", async (context) => {
  const proxy = await start(context, 2);
  assert.equal((await proxy.admin("/logging?level=error", "POST")).body, "active level: error\n");
  assert.equal((await proxy.admin("/logging", "POST")).body, "active level: error\n");
});

test("what is wrong with the file or the flag ends the process before it has workers", async (context) => {
  const broken = ProxyProcess.spawn(context, { no_such_field: 1 }, workers(2));
  assert.equal(await broken.exit(), 2);
  assert.match(broken.words.join("\n"), /no_such_field/);
  const flag = ProxyProcess.spawn(context, bootstrapOf([], []), ["--workers", "0"]);
  assert.equal(await flag.exit(), 2);
  assert.match(flag.words.join("\n"), /--workers 0: use a whole number from 1 to 64, or auto/);
  assert.deepEqual([...broken.log, ...flag.log], []);
});

test("one worker is one process, and a gateway has as many workers as cores", async (context) => {
  const single = await start(context, 1);
  assert.equal(JSON.parse((await single.admin("/server_info")).body).workers, undefined);
  assert.equal(await metric(single, "tulle_worker_up"), 0);
  const gateway = await ProxyProcess.start(
    context,
    bootstrapOf([], [], { node: { id: "g", cluster: "g", metadata: { ROLE: "gateway" } } }),
  );
  const cores = (await import("node:os")).availableParallelism();
  const info = JSON.parse((await gateway.admin("/server_info")).body);
  assert.equal(info.concurrency ?? 1, Math.min(64, cores));
});

/** How often each line is there, in order. */
function countsOf(lines: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].sort();
}

/** Whether nobody accepts connections there. */
async function refuses(port: number): Promise<boolean> {
  const probe = createServer();
  const taken = once(probe, "error").then(() => false);
  probe.listen({ host: "127.0.0.1", port });
  const isFree = await Promise.race([taken, once(probe, "listening").then(() => true)]);
  if (isFree) await new Promise<void>((resolve) => probe.close(() => resolve()));
  return isFree;
}
