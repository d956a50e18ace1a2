/** Which filter chain a connection gets: by server name, ALPN, first bytes, silence, and PROXY headers. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import {
  serializeProxyHeaderV1,
  serializeProxyHeaderV2,
} from "../../src/net/first-bytes/proxy-header-writer.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { keyPair, rootOf } from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import {
  downstreamTls,
  greeting,
  httpFilter,
  listenerFilter,
  tcpBootstrap,
  tcpClient,
  tcpFilter,
  tcpServer,
} from "../support/tcp-fixture.ts";
import { until } from "../support/until.ts";

const root = rootOf();
const pair = keyPair(root, ["spiffe://mesh.test/ns/shop/sa/app"]);
const CONTAINED: JsonObject = {
  certificate_chain: { inline_string: pair.cert },
  private_key: { inline_string: pair.key },
};
const PROXIED = {
  kind: "tcp",
  sourceAddress: "192.0.2.7",
  sourcePort: 4711,
  destinationAddress: "192.0.2.8",
  destinationPort: 8443,
} as const;

function accepted(proxy: ProxyFixture, protocol: string): number {
  return proxy.metric("tulle_downstream_connections_total", `protocol="${protocol}"`);
}

/** A TLS server that says its name to whoever comes. */
async function tlsServer(context: TestContext, name: string, ALPNProtocols: readonly string[]) {
  const inner = createTlsServer({ ...pair, ALPNProtocols: [...ALPNProtocols] }, (socket) => {
    socket.on("error", () => {});
    socket.end(`${name} ${socket.alpnProtocol}`);
  });
  return tcpServer(context, (socket) => inner.emit("connection", socket));
}

function tlsClient(context: TestContext, port: number, servername: string, alpn: string[] = []) {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    servername,
    ...(alpn.length === 0 ? {} : { ALPNProtocols: alpn }),
    rejectUnauthorized: false,
  });
  context.after(() => socket.destroy());
  return socket;
}

/** Everything until the end, or how it failed. */
async function said(socket: TLSSocket): Promise<string> {
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  return new Promise((resolve) => {
    socket.once("end", () => resolve(text));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** HTTP for whom speaks it, opaque TCP for all others. */
function detecting(more: JsonObject = {}): JsonObject {
  return {
    listener_filters: [listenerFilter("tls_inspector"), listenerFilter("http_inspector")],
    filter_chains: [
      {
        filter_chain_match: {
          transport_protocol: "raw_buffer",
          application_protocols: ["http/1.1", "http/1.0", "h2c"],
        },
        filters: [httpFilter("web")],
      },
    ],
    default_filter_chain: { filters: [tcpFilter("db")] },
    ...more,
  };
}

async function detection(context: TestContext, greet: string, more: JsonObject = {}) {
  const clock = new ManualClock();
  const web = await RawUpstream.echo(context);
  const db = await tcpServer(
    context,
    greet === "" ? (socket) => socket.pipe(socket) : greeting(greet),
  );
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(detecting(more), [
      { name: "web", endpoints: [web.port] },
      { name: "db", endpoints: [db.port] },
    ]),
    { clock },
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { clock, web, db, proxy, client };
}

test("TLS is passed through by server name, unopened", async (context) => {
  const a = await tlsServer(context, "a", ["x"]);
  const b = await tlsServer(context, "b", ["y"]);
  const match = (name: string, cluster: string): JsonObject => ({
    filter_chain_match: { server_names: [name] },
    filters: [tcpFilter(cluster)],
  });
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(
      {
        listener_filters: [listenerFilter("tls_inspector")],
        filter_chains: [match("a.example", "a"), match("*.b.example", "b")],
      },
      [
        { name: "a", endpoints: [a.port] },
        { name: "b", endpoints: [b.port] },
      ],
    ),
  );
  assert.equal(await said(tlsClient(context, proxy.port(), "A.example", ["x"])), "a x");
  assert.equal(await said(tlsClient(context, proxy.port(), "x.b.example")), "b false");
  assert.equal(accepted(proxy, "tls"), 2);
  const refused = await said(tlsClient(context, proxy.port(), "c.example"));
  assert.match(refused, /^(?:|ECONNRESET)$/);
  const [line] = proxy.log.filter(({ code }) => code === "no-filter-chain");
  assert.equal(line?.["reason"], "no filter chain matches tls for server name c.example");
  assert.equal(
    proxy.metric("tulle_downstream_connections_refused_total", 'reason="no-filter-chain"'),
    1,
  );
});

test("TLS is terminated behind the inspector, by ALPN", async (context) => {
  const web = await RawUpstream.echo(context);
  const db = await tcpServer(context, greeting("db"));
  const tls = (alpn_protocols: string[]): JsonObject =>
    downstreamTls({ common_tls_context: { tls_certificates: [CONTAINED], alpn_protocols } });
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(
      {
        filter_chains: [
          {
            filter_chain_match: { transport_protocol: "tls", application_protocols: ["http/1.1"] },
            filters: [httpFilter("web")],
            transport_socket: tls(["http/1.1"]),
          },
          {
            filter_chain_match: { transport_protocol: "tls" },
            filters: [tcpFilter("db")],
            transport_socket: tls(["db"]),
          },
        ],
      },
      [
        { name: "web", endpoints: [web.port] },
        { name: "db", endpoints: [db.port] },
      ],
    ),
  );
  const http = new RawClient(tlsClient(context, proxy.port(), "a.example", ["http/1.1"]));
  http.get("/over-tls");
  assert.equal((await http.response()).body, "/over-tls");
  const raw = new RawClient(tlsClient(context, proxy.port(), "a.example", ["db"]));
  assert.equal(await raw.text(/db/), "db");
  assert.equal(accepted(proxy, "http/1.1"), 1);
  assert.equal(accepted(proxy, "tcp"), 1);
});

test("the client's first bytes decide, however they are split", async (context) => {
  const { client, web, db, proxy } = await detection(context, "");
  for (const byte of "GET /split HTTP/1.1\r\nHost: a\r\n\r\n") {
    client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await client.response()).body, "/split");
  client.get("/next");
  assert.equal((await client.response()).body, "/next");
  assert.equal(web.requests.length, 2);
  const other = await RawClient.connect(proxy.port());
  context.after(() => other.close());
  other.send("*1\r\n$4\r\nPING\r\n");
  assert.equal(await other.text(/PING\r\n/), "*1\r\n$4\r\nPING\r\n");
  assert.equal(db.sockets.length, 1);
  assert.equal(accepted(proxy, "http/1.1"), 1);
  assert.equal(accepted(proxy, "tcp"), 1);
});

test("a server that speaks first is heard after a short silence", async (context) => {
  const { client, clock, db, proxy } = await detection(context, "220 ready\r\n");
  await until(() => proxy.dataPlane.activeConnections === 1);
  assert.equal(db.sockets.length, 0);
  clock.advance(100);
  assert.match(await client.text(/\n/), /^220 ready/);
  client.send("EHLO me\r\n");
  assert.match(await client.text(/EHLO/), /EHLO me/);
  assert.equal(accepted(proxy, "tcp"), 1);
  assert.equal(db.sockets.length, 1);
});

test("a client that speaks HTTP late still gets HTTP, and the speculative upstream is left", async (context) => {
  const { client, clock, db, proxy, web } = await detection(context, "");
  await until(() => proxy.dataPlane.activeConnections === 1);
  clock.advance(100);
  await until(() => db.sockets.length === 1);
  client.get("/late");
  assert.equal((await client.response()).body, "/late");
  assert.equal(web.requests.length, 1);
  await until(() => db.sockets[0]?.readableEnded === true || db.sockets[0]?.destroyed === true);
  assert.equal(proxy.metric("istio_tcp_connections_opened_total"), 0);
});

test("a client that speaks something else late takes the connection that is there", async (context) => {
  const { client, clock, db, proxy } = await detection(context, "");
  await until(() => proxy.dataPlane.activeConnections === 1);
  clock.advance(100);
  await until(() => db.sockets.length === 1);
  client.send("\x00\x01binary");
  assert.equal(await client.text(/binary/), "\x00\x01binary");
  assert.equal(db.sockets.length, 1);
});

test("silence beyond the listener's limit ends the connection, or makes it opaque", async (context) => {
  const strict = await detection(context, "");
  await until(() => strict.proxy.dataPlane.activeConnections === 1);
  strict.clock.advance(16_000);
  await strict.client.ending();
  const code = "listener-filters-timeout";
  assert.equal(strict.proxy.log.filter((line) => line["code"] === code).length, 1);
  const lenient = await detection(context, "", {
    listener_filters_timeout: "0.2s",
    continue_on_listener_filters_timeout: true,
  });
  await until(() => lenient.proxy.dataPlane.activeConnections === 1);
  lenient.clock.advance(300);
  lenient.client.get("/too-late");
  assert.match(await lenient.client.text(/too-late/), /^GET \/too-late HTTP/);
  assert.equal(lenient.web.requests.length, 0);
});

test("a client that ends without a word gets what the server says", async (context) => {
  const { client, proxy } = await detection(context, "the time\n");
  client.socket.end();
  assert.match(await client.text(/\n/), /the time/);
  await client.ending();
  assert.equal(accepted(proxy, "tcp"), 1);
});

test("HTTP in clear text is told from HTTP/2 by its first bytes", async (context) => {
  const web = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap({ filter_chains: [{ filters: [httpFilter("web")] }] }, [
      { name: "web", endpoints: [web.port] },
    ]),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  client.send("P");
  await until(() => proxy.dataPlane.activeConnections === 1);
  client.send("OST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  assert.equal((await client.response()).body, "/p");
  const h2 = await RawClient.connect(proxy.port());
  context.after(() => h2.close());
  h2.send("PRI * HTTP/2.0\r\n\r\n");
  h2.send("SM\r\n\r\n");
  await until(() => accepted(proxy, "h2") === 1);
  assert.equal(accepted(proxy, "http/1.1"), 1);
});

test("a declared version is believed", async (context) => {
  const web = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap({ filter_chains: [{ filters: [httpFilter("web", { codec_type: "HTTP1" })] }] }, [
      { name: "web", endpoints: [web.port] },
    ]),
  );
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  assert.notEqual((await client.response()).status, 200);
  assert.equal(accepted(proxy, "http/1.1"), 1);
});

async function proxied(context: TestContext, more: JsonObject = {}) {
  const web = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(request.lines.join("\n")),
  });
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(
      {
        listener_filters: [listenerFilter("proxy_protocol", more)],
        filter_chains: [{ filters: [httpFilter("web", { use_remote_address: true })] }],
      },
      [{ name: "web", endpoints: [web.port] }],
    ),
  );
  return { proxy, web };
}

test("PROXY headers of both versions tell the client's address", async (context) => {
  const { proxy } = await proxied(context);
  const v2 = serializeProxyHeaderV2({ endpoints: PROXIED, hasChecksum: true });
  for (const header of [serializeProxyHeaderV1(PROXIED), v2]) {
    const client = await RawClient.connect(proxy.port());
    context.after(() => client.close());
    client.send(header.toString("latin1").slice(0, 9));
    await new Promise((resolve) => setImmediate(resolve));
    client.send(header.toString("latin1").slice(9)).get("/");
    assert.match((await client.response()).body, /x-forwarded-for: 192\.0\.2\.7/i);
  }
});

test("without its PROXY header a connection is refused, unless it may do without", async (context) => {
  const strict = await proxied(context);
  const refused = await RawClient.connect(strict.proxy.port());
  refused.get("/");
  assert.equal((await refused.ending()).unread, "");
  const malformed = await RawClient.connect(strict.proxy.port());
  malformed.send("PROXY TCP4 nonsense\r\n");
  await malformed.ending();
  assert.deepEqual(
    strict.proxy.log.map(({ code }) => code),
    ["proxy-header-missing", "proxy-header-malformed"],
  );
  const lenient = await proxied(context, { allow_requests_without_proxy_protocol: true });
  const plain = await RawClient.connect(lenient.proxy.port());
  context.after(() => plain.close());
  plain.get("/");
  assert.match((await plain.response()).body, /x-forwarded-for: 127\.0\.0\.1/i);
});

test("a PROXY header comes before TLS, and its port chooses the chain", async (context) => {
  const web = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(request.lines.join("\n")),
  });
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(
      {
        listener_filters: [listenerFilter("proxy_protocol"), listenerFilter("tls_inspector")],
        filter_chains: [
          {
            filter_chain_match: { destination_port: 8443, server_names: ["a.example"] },
            filters: [httpFilter("web", { use_remote_address: true })],
            transport_socket: downstreamTls({
              common_tls_context: { tls_certificates: [CONTAINED] },
            }),
          },
        ],
      },
      [{ name: "web", endpoints: [web.port] }],
    ),
  );
  const socket = await tcpClient(context, proxy.port());
  socket.write(serializeProxyHeaderV1(PROXIED));
  const tls = connectTls({ socket, servername: "a.example", rejectUnauthorized: false });
  const client = new RawClient(tls);
  context.after(() => client.close());
  client.get("/");
  const { body } = await client.response();
  assert.match(body, /x-forwarded-for: 192\.0\.2\.7/i);
  assert.match(body, /x-forwarded-proto: https/i);
});

test("probes that connect and leave are not told of", async (context) => {
  const { proxy } = await proxied(context);
  const probe = connect(proxy.port(), "127.0.0.1");
  probe.on("error", () => {});
  probe.end();
  await new Promise((resolve) => probe.once("close", resolve));
  await until(() => proxy.dataPlane.activeConnections === 0);
  assert.deepEqual(proxy.log, []);
});
