/** Lessons T1 and T8 to T11 on the whole proxy: no byte of one message is ever taken for another. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import {
  idOf,
  RawUpstream,
  type RawUpstreamOptions,
  type UpstreamRequest,
} from "../support/raw-upstream.ts";

async function setUp(
  context: TestContext,
  options: RawUpstreamOptions = {},
  fields: JsonObject = {},
) {
  const upstream = await RawUpstream.start(context, options);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [upstream.port], fields }]),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { upstream, proxy, client };
}

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: app\r\n\r\n";

test("a request with both framings is refused and nothing behind it is read", async (context) => {
  const { client, upstream } = await setUp(context);
  client.send(
    `POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  );
  const response = await client.response();
  assert.equal(response.status, 400);
  assert.match(response.body, /both Content-Length and Transfer-Encoding/);
  assert.equal((await client.ending()).unread, "");
  assert.equal(upstream.connections.length, 0);
});

test("a malformed body resets the request upstream and ends the connection", async (context) => {
  const { client, upstream, proxy } = await setUp(context);
  client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  await upstream.until(() => upstream.connections.length === 1);
  client.send(`zz\r\n${SMUGGLED}`);
  assert.equal((await client.response()).status, 400);
  assert.equal((await client.ending()).unread, "");
  await upstream.until(() => upstream.openCount === 0);
  assert.equal(upstream.requests.length, 0);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="DPE"'), 1);
});

test("what follows an Upgrade or a CONNECT is no request, and the connection ends", async (context) => {
  const { upstream, proxy } = await setUp(context);
  for (const [head, status] of [
    ["GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 403],
    ["CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n", 404],
  ] as const) {
    const client = await RawClient.connect(proxy.port());
    client.send(head + SMUGGLED);
    const response = await client.response();
    assert.equal(response.status, status);
    assert.ok(RawClient.closes(response));
    assert.deepEqual(await client.ending(), { how: "end", unread: "" });
  }
  assert.equal(upstream.requests.length, 0);
});

test("an offer of h2c is passed over, and the request answered in HTTP/1.1", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get("/", [
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABk",
  ]);
  const request = await upstream.next();
  assert.equal(headerOf(request, "upgrade"), undefined);
  assert.equal(headerOf(request, "http2-settings"), undefined);
  request.reply("fine");
  assert.equal((await client.response()).body, "fine");
});

test("bytes on an idle upstream connection close it before it is used again", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get("/1");
  const first = await upstream.next();
  first.reply("one");
  assert.equal((await client.response()).body, "one");
  first.connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  await upstream.until(() => first.connection.hasEnded);
  client.get("/2");
  const second = await upstream.next();
  assert.equal(second.connection.index, 1);
  second.reply("two");
  assert.equal((await client.response()).body, "two");
});

test("an upstream connection that a server closed is not used again", async (context) => {
  const { client, upstream, proxy } = await setUp(context);
  client.get("/1");
  const first = await upstream.next();
  first.reply("one");
  await client.response();
  first.connection.socket.end();
  const endpoint = proxy.dataPlane.clusters.get("app")?.endpoints[0];
  while (endpoint?.connectionCount !== 0) await new Promise((resolve) => setImmediate(resolve));
  client.get("/2");
  (await upstream.next()).reply("two");
  assert.equal((await client.response()).body, "two");
});

test("surplus bytes behind an answer never reach anybody", async (context) => {
  const { client, upstream } = await setUp(context);
  for (const answer of [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    "HTTP/1.1 204 No Content\r\n\r\npoison",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\npoison",
  ]) {
    client.get();
    const { connection } = await upstream.next();
    connection.send(answer);
    assert.match((await client.response()).body, /^(ok)?$/);
    await upstream.until(() => connection.hasEnded);
  }
  client.send("HEAD / HTTP/1.1\r\nHost: app\r\n\r\n");
  (await upstream.next()).connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  assert.equal((await client.response("HEAD")).status, 200);
  await upstream.until(() => upstream.openCount === 0);
  client.get("/clean");
  (await upstream.next()).reply("clean");
  assert.equal((await client.response()).body, "clean");
});

test("a flood of interim answers is cut off", async (context) => {
  const { client, upstream } = await setUp(context);
  client.get();
  (await upstream.next()).connection.send("HTTP/1.1 102 Processing\r\n\r\n".repeat(11));
  assert.equal((await client.response()).status, 502);
});

/** How an upstream of the run below answers a request. */
const BEHAVIOURS = {
  good: (request) => request.reply(idOf(request)),
  chunked: ({ connection, ...request }) => {
    const id = idOf(request);
    connection.send(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${id.length.toString(16)}\r\n${id}\r\n0\r\n\r\n`,
    );
  },
  slow: (request) => {
    setImmediate(() => setImmediate(() => request.reply(idOf(request))));
  },
  closing: (request) => request.reply(idOf(request), ["Connection: close"]),
  short: ({ connection }) => {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort").socket.end();
  },
  surplus: ({ connection, ...request }) => {
    const id = idOf(request);
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}poison`);
  },
  twice: ({ connection, ...request }) => {
    const id = idOf(request);
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`;
    connection.send(answer + answer);
  },
  garbage: ({ connection }) => {
    connection.send("what is HTTP?\r\n\r\n");
  },
  hangUp: ({ connection }) => {
    connection.socket.end();
  },
  reset: ({ connection }) => {
    connection.socket.resetAndDestroy();
  },
} satisfies Readonly<Record<string, (request: UpstreamRequest) => void>>;

type Behaviour = keyof typeof BEHAVIOURS;

/** With as many connections as needed, and with so few that each answer's end hands its connection on. */
for (const limit of [1024, 2]) {
  test(`no client gets another's answer, however upstreams misbehave (${limit} connections)`, async (context) => {
    const limits = { circuit_breakers: { thresholds: [{ max_connections: limit }] } };
    const { upstream, proxy } = await setUp(
      context,
      {
        onRequest: (request) => BEHAVIOURS[headerOf(request, "x-behaviour") as Behaviour](request),
      },
      limits,
    );
    let wrong = 0;
    let right = 0;
    const behaviour = fc.constantFrom(...(Object.keys(BEHAVIOURS) as Behaviour[]));
    const plan = fc.array(
      fc.record({ behaviour, length: fc.constantFrom(0, 3, 5000), isChunked: fc.boolean() }),
      { minLength: 1, maxLength: 8 },
    );
    const one = async (
      steps: readonly { behaviour: Behaviour; length: number; isChunked: boolean }[],
      name: string,
    ) => {
      let client = await RawClient.connect(proxy.port());
      for (const [index, step] of steps.entries()) {
        const id = `${name}-${index}`;
        const body = "b".repeat(step.length);
        const framed = step.isChunked
          ? `Transfer-Encoding: chunked\r\n\r\n${body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`
          : `Content-Length: ${body.length}\r\n\r\n${body}`;
        client.send(
          `POST / HTTP/1.1\r\nHost: app\r\nX-Id: ${id}\r\nX-Behaviour: ${step.behaviour}\r\n${framed}`,
        );
        try {
          const response = await client.response("POST");
          if (response.status !== 200) continue;
          if (response.body === id) right += 1;
          else wrong += 1;
        } catch {
          client.close();
          client = await RawClient.connect(proxy.port());
        }
      }
      client.close();
    };
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 2, maxLength: 6 }), async (plans) => {
        run += 1;
        await Promise.all(plans.map((steps, index) => one(steps, `run${run}-client${index}`)));
        assert.equal(wrong, 0);
      }),
      { seed: 8, numRuns: 60 },
    );
    assert.ok(right > 150, `only ${right} right answers`);
    assert.equal(proxy.dataPlane.clusters.get("app")?.activeRequests, 0);
    assert.equal(proxy.metric("tulle_connection_faults_total"), 0);
    assert.ok(upstream.requests.length > right);
  });
}
