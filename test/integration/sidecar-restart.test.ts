/**
 * A sidecar that another process replaces: nothing that was under way is lost, and nothing that comes meanwhile. A
 * successor that cannot serve changes nothing.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { adoptHandle } from "../../src/net/socket-reader.ts";
import { TcpListener } from "../../src/net/tcp-listener.ts";
import { bootstrapOf, type ListenerSpec } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { becomes, workerPids } from "../support/worker-fixture.ts";

const LISTENER: ListenerSpec = { name: "out", direction: "OUTBOUND", routes: "app" };

async function setUp(context: TestContext, flags: readonly string[] = []) {
  const app = await RawUpstream.start(context);
  const clusters = [{ name: "app", endpoints: [app.port] }];
  const proxy = await ProxyProcess.start(context, bootstrapOf([LISTENER], clusters), flags);
  context.after(() => endAll(proxy));
  return { app, proxy };
}

/** Successors have the pipes of the first process: when these end, all have. */
async function endAll(proxy: ProxyProcess): Promise<void> {
  const { stderr } = proxy.child;
  assert.ok(stderr);
  const closed = stderr.closed ? undefined : once(stderr, "close");
  await proxy.admin("/quitquitquit", "POST").catch(() => {});
  await closed;
}

async function epochOf(proxy: ProxyProcess): Promise<number> {
  return JSON.parse((await proxy.admin("/server_info")).body).restart_epoch;
}

function requestOnce(port: number, path: string, agent: http.Agent | false): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ host: "127.0.0.1", port, path, agent });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => void text(response).then(resolve, reject));
    outgoing.end();
  });
}

/** Requests in a loop, in the ways in which clients use connections, until it is stopped. */
class Load {
  readonly failures: string[] = [];
  readonly counts = { kept: 0, fresh: 0, http2: 0 };
  readonly goaways: number[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #loops: Promise<void>[];
  #isStopped = false;

  constructor(port: number) {
    const agent = this.#agent;
    this.#loops = [
      this.#loop("kept", () => requestOnce(port, "/kept", agent)),
      this.#loop("fresh", () => requestOnce(port, "/fresh", false)),
      this.#loop("http2", this.#http2(port)),
    ];
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
    // An idle connection keeps the process that has it.
    this.#agent.destroy();
  }

  /** Resolves when each way has been gone `more` times from now on. */
  async advance(more: number): Promise<void> {
    const goal = { ...this.counts };
    const isThere = (way: keyof typeof goal): boolean => this.counts[way] >= goal[way] + more;
    while (!(isThere("kept") && isThere("fresh") && isThere("http2"))) {
      assert.deepEqual(this.failures, []);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #loop(way: keyof Load["counts"], send: () => Promise<string>): Promise<void> {
    while (!this.#isStopped) {
      try {
        assert.equal(await send(), "hello");
        this.counts[way] += 1;
      } catch (error) {
        // A request that crossed with GOAWAY was never processed: every client sends it again (RFC 9113 section 8.7).
        if (String(error).includes("NGHTTP2_REFUSED_STREAM")) continue;
        this.failures.push(`${way}: ${String(error)}`);
        return;
      }
    }
  }

  /** A session until its peer says that it goes, then the next. */
  #http2(port: number): () => Promise<string> {
    let session: http2.ClientHttp2Session | undefined;
    const open = (): http2.ClientHttp2Session => {
      const opened = http2.connect(`http://127.0.0.1:${port}`);
      opened.on("goaway", (code) => {
        this.goaways.push(code);
        if (session === opened) session = undefined;
        opened.close();
      });
      opened.on("error", () => {});
      return opened;
    };
    return async () => {
      session ??= open();
      const stream = session.request({ ":path": "/http2" });
      const body = await text(stream);
      if (this.#isStopped) session.close();
      return body;
    };
  }
}

/** Answers everything with `hello`, but `/held` when it is told to. */
async function serve(app: RawUpstream): Promise<{ readonly held: Promise<() => void> }> {
  let found: (release: () => void) => void = () => {};
  const held = new Promise<() => void>((resolve) => {
    found = resolve;
  });
  void (async () => {
    for (;;) {
      const request = await app.next();
      if (request.target === "/held") found(() => request.reply("held"));
      else request.reply("hello");
    }
  })();
  return { held };
}

test("another process takes over: no request is lost, of whatever connection", async (context) => {
  const { app, proxy } = await setUp(context);
  const { held } = await serve(app);
  const port = proxy.port("out");
  const idle = await RawClient.connect(port);
  context.after(() => idle.close());
  idle.get("/before");
  assert.equal((await idle.response()).body, "hello");
  const slow = requestOnce(port, "/held", false);
  const release = await held;
  const load = new Load(port);
  await load.advance(5);
  const answer = await proxy.admin("/restart", "POST");
  assert.deepEqual(answer, { status: 200, body: "OK\n" });
  await proxy.line("another process has taken over");
  await load.advance(5);
  assert.equal(await epochOf(proxy), 1);
  assert.equal((await proxy.admin("/ready")).body, "LIVE\n");
  // The old process is still there, with what it had.
  assert.equal(proxy.child.exitCode, null);
  release();
  assert.equal(await slow, "held");
  // A connection that was idle all the time is answered, and then ends.
  idle.get("/after");
  const last = await idle.response();
  assert.equal(last.body, "hello");
  assert.ok(RawClient.closes(last));
  idle.close();
  assert.equal(await proxy.exit(), 0);
  // And once more, from the successor's own.
  await load.advance(5);
  const again = await proxy.admin("/restart?drain_time_s=20", "POST");
  assert.equal(again.status, 200);
  assert.equal(await epochOf(proxy), 2);
  await load.advance(5);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(load.goaways.length >= 2 && load.goaways.every((code) => code === 0));
});

test("SIGUSR2 restarts it", async (context) => {
  const { proxy } = await setUp(context);
  proxy.child.kill("SIGUSR2");
  assert.equal(await proxy.exit(), 0);
  assert.equal(await epochOf(proxy), 1);
});

/** Listens, hands its socket over, and then never runs its event loop again. */
const BUSY = `
const server = require("node:net").createServer();
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  process.send({ port }, server._handle, {}, () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

test("connections that nobody has accepted outlive the process that listened", async (context) => {
  const busy = spawn(process.execPath, ["-e", BUSY], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [{ port }, handle] = await once(busy, "message");
  const clients = Array.from({ length: 20 }, () => connect(port, "127.0.0.1"));
  context.after(() => clients.forEach((client) => void client.destroy()));
  // The kernel answers for a process that does not.
  await Promise.all(clients.map((client) => once(client, "connect")));
  busy.kill("SIGKILL");
  await once(busy, "exit");
  let accepted = 0;
  await new Promise<void>((resolve, reject) => {
    const listener = new TcpListener({
      onHandle: (socket) => {
        adoptHandle(socket).end("hello");
        accepted += 1;
        if (accepted === clients.length) resolve();
      },
      onAcceptError: (reason) => reject(new Error(reason)),
    });
    context.after(() => listener.close());
    listener.adopt(handle).then((bound) => assert.equal(bound, port), reject);
  });
  const answers = await Promise.all(clients.map((client) => text(client)));
  assert.ok(answers.every((answer) => answer === "hello"));
});

test("a successor that cannot serve changes nothing", async (context) => {
  const { app, proxy } = await setUp(context);
  await serve(app);
  const file = bootstrapFileOf(proxy);
  const good = readFileSync(file, "utf8");
  writeFileSync(file, "{");
  const answer = await proxy.admin("/restart", "POST");
  assert.equal(answer.status, 503);
  assert.match(answer.body, /it ended with exit code 2/);
  await proxy.line("restart failed; this process goes on");
  assert.equal(await requestOnce(proxy.port("out"), "/", false), "hello");
  assert.equal(await epochOf(proxy), 0);
  writeFileSync(file, good);
  assert.equal((await proxy.admin("/restart", "POST")).status, 200);
  assert.equal(await epochOf(proxy), 1);
});

test("what goes on for longer than the drain time is cut", async (context) => {
  const { app, proxy } = await setUp(context);
  const { held } = await serve(app);
  const slow = requestOnce(proxy.port("out"), "/held", false);
  await held;
  assert.equal((await proxy.admin("/restart?drain_time_s=0", "POST")).status, 200);
  await assert.rejects(slow, /ECONNRESET|socket hang up/);
  assert.equal(await proxy.exit(), 0);
});

test("several workers are restarted in place, each with the socket of one", async (context) => {
  const { app, proxy } = await setUp(context, ["--workers", "2"]);
  await serve(app);
  const port = proxy.port("out");
  const before = [...(await workerPids(proxy)).values()];
  const load = new Load(port);
  await load.advance(5);
  assert.deepEqual(await proxy.admin("/restart", "POST"), { status: 200, body: "OK\n" });
  await load.advance(5);
  assert.equal(await epochOf(proxy), 1);
  const after = await workerPids(proxy);
  assert.ok([...after.values()].every((pid) => !before.includes(pid)));
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal(await proxy.exit(), 0);
  // A worker that dies comes back to an address that the others have.
  const [victim] = after.values();
  assert.ok(victim !== undefined);
  process.kill(victim, "SIGKILL");
  await becomes(async () => {
    const now = [...(await workerPids(proxy)).values()];
    return now.length === 2 && !now.includes(victim);
  });
  assert.equal((await proxy.admin("/restart", "POST")).status, 200);
  assert.equal(await epochOf(proxy), 2);
});

test("a wrong drain time is refused", async (context) => {
  const { proxy } = await setUp(context);
  assert.equal((await proxy.admin("/restart?drain_time_s=x", "POST")).status, 400);
});

function bootstrapFileOf(proxy: ProxyProcess): string {
  const words = readFileSync(`/proc/${proxy.child.pid}/cmdline`, "utf8").split("\0");
  return words[words.indexOf("--bootstrap") + 1] ?? "";
}
