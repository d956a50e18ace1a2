/** WebSocket with the clients and servers of `ws`, through one sidecar and through a pair with mutual TLS. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { RawClient } from "../support/raw-client.ts";
import { SPEAKS, tunnelPair, tunnelProxy } from "../support/tunnel-fixture.ts";

/** Sends every message back, with its kind. */
async function echoServer(context: TestContext): Promise<WebSocketServer> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: 16_000_000 });
  await once(server, "listening");
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return server;
}

function portOf(server: WebSocketServer): number {
  return (server.address() as AddressInfo).port;
}

async function open(context: TestContext, port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=1`, ["chat.v1"], {
    perMessageDeflate: false,
  });
  context.after(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

async function echoed(socket: WebSocket, message: Buffer | string): Promise<void> {
  const answer = once(socket, "message");
  socket.send(message);
  const [data, isBinary] = (await answer) as [Buffer, boolean];
  assert.equal(isBinary, typeof message !== "string");
  assert.ok(data.equals(Buffer.from(message)));
}

/** The same over one sidecar and over two. */
const PATHS = {
  "one sidecar": async (context: TestContext, port: number) => {
    const proxy = await tunnelProxy(context, port);
    return { port: proxy.port(), proxies: [proxy] };
  },
  "two sidecars with mutual TLS": async (context: TestContext, port: number) => {
    const { client, server } = await tunnelPair(context, port);
    return { port: client.port(), proxies: [client, server] };
  },
  "two sidecars with HTTP/2 between them": async (context: TestContext, port: number) => {
    const { client, server } = await tunnelPair(context, port, "http2");
    return { port: client.port(), proxies: [client, server] };
  },
};

for (const [what, start] of Object.entries(PATHS)) {
  test(`messages of all sizes come back through ${what}`, async (context) => {
    const server = await echoServer(context);
    const { port } = await start(context, portOf(server));
    const socket = await open(context, port);
    assert.equal(socket.protocol, "chat.v1");
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 10_000_000]) {
      await echoed(socket, Buffer.alloc(size, "tulle"));
    }
    await echoed(socket, "text, äöü");
  });

  test(`a fragmented message comes back whole through ${what}, pings between its parts`, async (context) => {
    const server = await echoServer(context);
    const { port } = await start(context, portOf(server));
    const socket = await open(context, port);
    const answer = once(socket, "message");
    const pong = once(socket, "pong");
    for (let part = 0; part < 10; part++) {
      socket.send(Buffer.alloc(10_000, part), { fin: part === 9 });
      if (part === 4) socket.ping("now");
    }
    assert.equal(String((await pong)[0]), "now");
    const [data] = (await answer) as [Buffer];
    assert.equal(data.length, 100_000);
    assert.equal(data[99_999], 9);
  });

  for (const first of ["client", "server"] as const) {
    test(`the ${first} closes first through ${what}, and both sides hear its code`, async (context) => {
      const server = await echoServer(context);
      const { port, proxies } = await start(context, portOf(server));
      const connected = once(server, "connection");
      const near = await open(context, port);
      const [far] = (await connected) as [WebSocket];
      await echoed(near, "hello");
      const ends = Promise.all([once(near, "close"), once(far, "close")]);
      (first === "client" ? near : far).close(4001, "bye");
      for (const [code, reason] of await ends) {
        assert.equal(code, 4001);
        assert.equal(String(reason), "bye");
      }
      for (const proxy of proxies) {
        // Counted when the tunnel is over, which its two ends may see a little earlier.
        while (proxy.metric("istio_requests_total") === 0) await nextTurn();
        assert.equal(proxy.metric("istio_requests_total", 'response_code="101"', 'flags="-"'), 1);
      }
    });
  }

  test(`many at a time do not mix through ${what}`, async (context) => {
    const server = await echoServer(context);
    const { port } = await start(context, portOf(server));
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(context, port)));
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        sockets.map((socket, index) => echoed(socket, Buffer.alloc(1_000 * index + round, index))),
      );
    }
  });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A text frame with up to 125 bytes. RFC 6455 section 5.2: clients mask, here with zeroes. */
function frameOf(text: string, isMasked: boolean): Buffer {
  const head = [0x81, (isMasked ? 0x80 : 0) | text.length, ...(isMasked ? [0, 0, 0, 0] : [])];
  return Buffer.concat([Buffer.from(head), Buffer.from(text)]);
}

test("a client that speaks HTTP/2 reaches an app that does not (RFC 8441)", async (context) => {
  const server = await echoServer(context);
  const proxy = await tunnelProxy(context, portOf(server));
  const session = http2.connect(`http://127.0.0.1:${proxy.port()}`);
  context.after(() => session.destroy());
  const [settings] = await once(session, "remoteSettings");
  assert.ok(settings.enableConnectProtocol);
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": "/chat",
    "sec-websocket-version": "13",
  });
  const [headers] = await once(stream, "response");
  assert.equal(headers[":status"], 200);
  assert.equal(headers["sec-websocket-accept"], undefined);
  stream.write(frameOf("over two versions", true));
  const [answer] = await once(stream, "data");
  assert.deepEqual(answer, frameOf("over two versions", false));
});

test("an app that ignores an Upgrade opens no tunnel for a client that speaks HTTP/2", async (context) => {
  const app = createServer((_request, response) => response.end("a page"));
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  context.after(() => app.close());
  const proxy = await tunnelProxy(context, (app.address() as AddressInfo).port);
  const session = http2.connect(`http://127.0.0.1:${proxy.port()}`);
  context.after(() => session.destroy());
  await once(session, "remoteSettings");
  const tunnel = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/chat" };
  const [headers] = await once(session.request(tunnel), "response");
  assert.equal(headers[":status"], 502);
});

test("a client reaches an app that speaks HTTP/2 alone (RFC 8441)", async (context) => {
  const app = http2.createServer({ settings: { enableConnectProtocol: true } });
  app.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    assert.equal(headers[":protocol"], "websocket");
    assert.equal(headers[":path"], "/chat?room=1");
    stream.respond({ ":status": 200, "sec-websocket-protocol": "chat.v1" });
    stream.write(frameOf("welcome", false));
    stream.on("data", () => stream.write(frameOf("heard you", false)));
  });
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  context.after(() => app.close());
  const { port } = app.address() as AddressInfo;
  const proxy = await tunnelProxy(context, port, { cluster: SPEAKS.http2 });
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port()}/chat?room=1`, ["chat.v1"]);
  context.after(() => socket.terminate());
  assert.equal(String((await once(socket, "message"))[0]), "welcome");
  socket.send("hello");
  assert.equal(String((await once(socket, "message"))[0]), "heard you");
});

for (const hop of ["http1", "http2"] as const) {
  test(`a handshake of HTTP/1.1 without a key is refused before ${hop} between two sidecars`, async (context) => {
    const server = await echoServer(context);
    const { client } = await tunnelPair(context, portOf(server), hop);
    const raw = await RawClient.connect(client.port());
    context.after(() => raw.close());
    raw.get("/", ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]);
    const answer = await raw.response();
    assert.equal(answer.status, 400);
    assert.match(answer.body, /needs a Sec-WebSocket-Key/);
    // The next client, with its key, is served.
    await open(context, client.port());
  });
}

test("an app that does not want it says so itself", async (context) => {
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    verifyClient: (_info, done) => done(false, 401, "who are you"),
  });
  await once(server, "listening");
  context.after(() => server.close());
  const proxy = await tunnelProxy(context, portOf(server));
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port()}/`);
  const [error] = await once(socket, "error");
  assert.match(error.message, /401/);
});
