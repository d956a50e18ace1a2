/** Retries, hedging, deadlines and mirrors where both sides speak HTTP/2: several streams on a connection, trailers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { until } from "../support/until.ts";

interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly stream: ServerHttp2Stream;
  /** Of the request, once it is complete. */
  trailers: IncomingHttpHeaders;
  body: string;
}

/** An app that speaks HTTP/2 in clear text and answers when the test says so. */
class App {
  readonly calls: Call[] = [];
  port = 0;
  #taken = 0;
  readonly #onCall: (() => void)[] = [];

  static async start(context: TestContext): Promise<App> {
    const app = new App();
    const server = createServer();
    const sessions = new Set<{ destroy(): void }>();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const call: Call = { headers, stream, trailers: {}, body: "" };
      stream.on("error", () => {});
      stream.on("trailers", (trailers) => {
        call.trailers = trailers;
      });
      stream.setEncoding("utf8");
      stream.on("data", (part: string) => {
        call.body += part;
      });
      app.calls.push(call);
      for (const resolve of app.#onCall.splice(0)) resolve();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    app.port = (server.address() as AddressInfo).port;
    context.after(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    return app;
  }

  /** The next call, as soon as its head is there. */
  async next(): Promise<Call> {
    while (this.calls.length <= this.#taken) {
      await new Promise<void>((resolve) => this.#onCall.push(resolve));
    }
    this.#taken += 1;
    return this.calls[this.#taken - 1]!;
  }
}

interface Setup {
  readonly action?: JsonObject;
  readonly withMirror?: boolean;
}

async function setUp(context: TestContext, { action = {}, withMirror = false }: Setup) {
  const clock = new ManualClock();
  const app = await App.start(context);
  const mirror = await App.start(context);
  const mirrors = withMirror ? { request_mirror_policies: [{ cluster: "mirror" }] } : {};
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", { ...action, ...mirrors })] }],
      [
        { name: "app", endpoints: [app.port], fields: HTTP2_CLUSTER },
        { name: "mirror", endpoints: [mirror.port], fields: HTTP2_CLUSTER },
      ],
    ),
    { clock },
  );
  const session = connect(`http://127.0.0.1:${proxy.port()}`);
  session.on("error", () => {});
  context.after(() => session.destroy());
  await once(session, "connect");
  return { clock, app, mirror, proxy, session };
}

function call(session: ClientHttp2Session, more: Readonly<Record<string, string>> = {}) {
  const stream = session.request(
    {
      ":method": "POST",
      ":path": "/s/m",
      "content-type": "application/grpc",
      te: "trailers",
      ...more,
    },
    { endStream: false, waitForTrailers: true },
  );
  stream.on("error", () => {});
  const answered = once(stream, "response").then(async ([headers]) => ({
    headers: headers as IncomingHttpHeaders,
    body: await text(stream),
  }));
  // Whoever awaits it sees the failure.
  answered.catch(() => {});
  return { stream, answered };
}

async function passing<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  promise.then(done, done);
  while (!isDone) {
    clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

function refuse({ stream }: Call, status: string): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": status });
  stream.end();
}

test("a call is repeated with its body and trailers, and what is left of its deadline", async (context) => {
  const { clock, app, session } = await setUp(context, {
    action: { max_grpc_timeout: "0s", retry_policy: { retry_on: "unavailable", num_retries: 1 } },
  });
  const { stream, answered } = call(session, { "grpc-timeout": "3S" });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "17" }));
  stream.end("message");
  const first = await app.next();
  await until(() => first.stream.readableEnded);
  assert.equal(first.headers["grpc-timeout"], "3000m");
  assert.equal(first.trailers["x-sum"], "17");
  clock.advance(1_000);
  refuse(first, "14");
  const second = await passing(clock, app.next());
  await until(() => second.stream.readableEnded);
  assert.equal(second.body, "message");
  assert.equal(second.trailers["x-sum"], "17");
  const leftMs = Number.parseInt(String(second.headers["grpc-timeout"]), 10);
  assert.ok(leftMs > 1_500 && leftMs <= 2_000, String(leftMs));
  refuse(second, "0");
  assert.equal((await answered).headers["grpc-status"], "0");
});

test("a deadline ends a call that streams, on both sides", async (context) => {
  const { clock, app, session } = await setUp(context, {
    action: { max_stream_duration: { grpc_timeout_header_max: "60s" } },
  });
  const { stream, answered } = call(session, { "grpc-timeout": "2S" });
  stream.write("first");
  const { stream: upstream } = await app.next();
  clock.advance(2_100);
  const { headers } = await answered;
  assert.equal(headers["grpc-status"], "4");
  await until(() => upstream.closed);
  assert.equal(upstream.rstCode, constants.NGHTTP2_CANCEL);
});

test("hedging: two streams of one connection race, and the slower one is reset", async (context) => {
  const { clock, app, session, proxy } = await setUp(context, {
    action: {
      retry_policy: { retry_on: "unavailable", num_retries: 1, per_try_timeout: "1s" },
      hedge_policy: { hedge_on_per_try_timeout: true },
    },
  });
  const { stream, answered } = call(session);
  stream.end("message");
  const first = await app.next();
  await until(() => first.stream.readableEnded);
  clock.advance(1_100);
  const second = await passing(clock, app.next());
  await until(() => second.stream.readableEnded);
  assert.equal(second.body, "message");
  refuse(first, "14");
  await until(() => first.stream.closed);
  second.stream.respond({ ":status": 200, "content-type": "application/grpc" });
  second.stream.end("answer");
  assert.equal((await answered).body, "answer");
  const cluster = proxy.dataPlane.clusters.get("app");
  assert.equal(cluster?.counts.hedges, 1);
  assert.equal(cluster?.activeRequests, 0);
  assert.equal(cluster?.endpoints[0]?.activeRequests, 0);
  assert.equal(cluster?.connectionCount, 1);
});

test("a mirror gets a call as it streams, with its trailers; its answer is dropped", async (context) => {
  const { app, mirror, session, proxy } = await setUp(context, { withMirror: true });
  const { stream, answered } = call(session);
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "17" }));
  stream.write("one ");
  const original = await app.next();
  const copy = await mirror.next();
  await until(() => copy.body === "one ");
  assert.equal(copy.headers["x-tulle-mirrored"], "true");
  assert.equal(copy.headers["content-type"], "application/grpc");
  stream.end("two");
  await until(() => copy.stream.readableEnded && original.stream.readableEnded);
  assert.equal(copy.body, "one two");
  assert.equal(copy.trailers["x-sum"], "17");
  refuse(copy, "13");
  refuse(original, "0");
  assert.equal((await answered).headers["grpc-status"], "0");
  await until(() => proxy.metric("tulle_mirrored_requests_total", 'result="answered"') === 1);
});
