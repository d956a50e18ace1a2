/**
 * The drop-in propagator, in apps of their own process: whatever they call with while they serve a request, the context
 * of its trace goes on, and never that of another request.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";

const PROPAGATE = join(import.meta.dirname, "..", "bin", "propagate.mjs");

/** Calls `TARGET` in the way that the path names, with what the request says, and answers with its answer. */
const APP = `
import { createServer, get, request } from "node:http";
import * as http2 from "node:http2";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { AsyncLocalStorage } from "node:async_hooks";
import { Agent } from "node:http";
const target = process.env.TARGET;
const own = new AsyncLocalStorage();
/** One connection for all requests: it was opened while another one was served. */
const kept = new Agent({ keepAlive: true, maxSockets: 1 });
const undici = process.env.UNDICI === undefined ? undefined : await import(process.env.UNDICI);
const undiciPool = undici && new undici.Pool(target, { connections: 1 });
const textOf = async (stream) => { let text = ""; for await (const part of stream) text += part; return text; };
const responseOf = async (sent) => textOf((await once(sent, "response"))[0]);
const ways = {
  get: () => responseOf(get(target)),
  options: async () => {
    const { hostname: host, port } = new URL(target);
    const sent = request({ host, port, path: "/", headers: { "X-Own": "1" } });
    sent.end();
    return responseOf(sent);
  },
  list: async () => {
    const sent = request(target, { headers: ["host", "app", "x-own", "1"] }, () => {});
    sent.end();
    return responseOf(sent);
  },
  own: () => responseOf(get(target, { headers: { TraceParent: "own" } })),
  fetch: async () => (await fetch(target)).text(),
  later: async () => { await pause(20); return (await fetch(target)).text(); },
  timeout: () => new Promise((resolve) => setTimeout(() => resolve(ways.get()), 5)),
  immediate: () => new Promise((resolve) => setImmediate(() => resolve(ways.fetch()))),
  tick: () => new Promise((resolve) => process.nextTick(() => resolve(ways.get()))),
  chain: () => Promise.resolve().then(() => pause(1)).then(() => ways.get()).finally(() => {}),
  pooled: () => responseOf(get(target, { agent: kept })),
  storage: () => own.run("of the app", async () => {
    await pause(1);
    const text = await ways.fetch();
    if (own.getStore() !== "of the app") throw new Error("the app's own store is gone");
    return text;
  }),
  undici: async () => (await undici.request(target)).body.text(),
  undiciFetch: async () => (await undici.fetch(target)).text(),
  undiciPool: async () => (await undiciPool.request({ path: "/", method: "GET" })).body.text(),
  http2: async () => {
    const session = http2.connect("http://127.0.0.1:" + echo.address().port);
    const stream = session.request({ ":path": "/" });
    stream.end();
    const text = await textOf(stream);
    session.close();
    return text;
  },
};
const echo = http2.createServer();
echo.on("stream", (stream) => {
  // A call from within a stream of HTTP/2 carries its context, too.
  responseOf(get(target)).then((text) => { stream.respond({ ":status": 200 }); stream.end(text); });
});
await once(echo.listen(0, "127.0.0.1"), "listening");
const server = createServer(async (incoming, outgoing) => {
  outgoing.end(await ways[incoming.url.slice(1)]());
});
await once(server.listen(0, "127.0.0.1"), "listening");
console.log(server.address().port);
`;

const WAYS = [
  ...["get", "options", "list", "fetch", "later", "http2"],
  ...["timeout", "immediate", "tick", "chain", "pooled", "storage"],
];
/** The npm package, which does not run on the system's Node 20; the `fetch` of that is undici, too. */
const UNDICI = import.meta.resolve("undici");
const WAYS_OF_UNDICI = ["undici", "undiciFetch", "undiciPool"];

/** Answers with the headers that came. */
async function startEcho(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((incoming: IncomingMessage, outgoing) => {
    outgoing.end(JSON.stringify(incoming.headers));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** The system's Node may be another one than that which runs tests: apps run with theirs. */
for (const node of [process.execPath, "node"]) {
  const isPinned = node !== "node";
  describe(`an app of ${isPinned ? "the pinned" : "the system's"} Node`, () => {
    let app: ChildProcess;
    let echo: Awaited<ReturnType<typeof startEcho>>;
    let port = 0;

    before(async () => {
      echo = await startEcho();
      app = spawn(node, ["--input-type=module", "--eval", APP], {
        env: {
          ...process.env,
          NODE_OPTIONS: `--import=${PROPAGATE}`,
          TARGET: `http://127.0.0.1:${echo.port}/`,
          ...(isPinned ? { UNDICI } : {}),
        },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = await once(createInterface({ input: app.stdout! }), "line");
      port = Number(line);
    });

    after(() => {
      app.kill("SIGKILL");
      echo.close();
    });

    async function ask(
      way: string,
      headers: Record<string, string>,
    ): Promise<Record<string, string>> {
      const response = await fetch(`http://127.0.0.1:${port}/${way}`, { headers });
      const text = await response.text();
      return JSON.parse(text) as Record<string, string>;
    }

    const context = { traceparent: "00-a-b-01", tracestate: "k=v", baggage: "x=1", b3: "0" };

    for (const way of isPinned ? [...WAYS, ...WAYS_OF_UNDICI] : WAYS) {
      test(`${way}: the context goes on`, async () => {
        const { traceparent, tracestate, baggage, b3 } = await ask(way, context);
        assert.deepEqual({ traceparent, tracestate, baggage, b3 }, context);
        assert.equal((await ask(way, {}))["traceparent"], undefined);
      });
    }

    test("what the app sets itself stays", async () => {
      assert.equal((await ask("own", context))["traceparent"], "own");
    });

    test("requests at the same time keep their contexts apart", async () => {
      for (const way of ["later", "pooled", ...(isPinned ? ["undiciPool"] : [])]) {
        const ids = Array.from({ length: 50 }, (_, index) => `00-${index}-b-01`);
        const seen = await Promise.all(ids.map((traceparent) => ask(way, { traceparent })));
        assert.deepEqual(
          seen.map(({ traceparent }) => traceparent),
          ids,
          way,
        );
      }
    });
  });
}
