/** Opaque TCP through the data plane: both directions, both ends, limits, retries, and what is reported. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import type { ProxiedEndpoints } from "../../src/net/first-bytes/proxy-header.ts";
import { readProxyHeader } from "../../src/net/first-bytes/proxy-header-reader.ts";
import { freePort } from "../support/free-port.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
  upstreamTls,
} from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import {
  downstreamTls,
  echo,
  greeting,
  opaque,
  readAll,
  tcpBootstrap,
  tcpClient,
  tcpFilter,
  tcpServer,
} from "../support/tcp-fixture.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;

async function through(
  context: TestContext,
  serve: (socket: Socket) => void,
  more: JsonObject = {},
  clock?: ManualClock,
) {
  const upstream = await tcpServer(context, serve);
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(opaque("app", more), [{ name: "app", endpoints: [upstream.port] }]),
    clock === undefined ? {} : { clock },
  );
  return { upstream, proxy };
}

test("bytes flow both ways, and each end is passed on by itself", async (context) => {
  const { proxy } = await through(context, (socket) => {
    // Answers only when it has everything, as `cat | sort` would.
    void readAll(socket).then((text) => socket.end(text.toUpperCase()));
  });
  const client = await tcpClient(context, proxy.port());
  client.write("hello ");
  client.end("world");
  assert.equal(await readAll(client), "HELLO WORLD");
  await until(() => proxy.dataPlane.activeConnections === 0);
  assert.equal(proxy.metric("istio_tcp_connections_opened_total"), 1);
  assert.equal(proxy.metric("istio_tcp_connections_closed_total", 'response_flags="-"'), 1);
  assert.equal(proxy.metric("istio_tcp_received_bytes_total"), 11);
  assert.equal(proxy.metric("istio_tcp_sent_bytes_total"), 11);
  const [line = ""] = proxy.metrics("tulle_downstream_connections_total", 'protocol="tcp"');
  assert.equal(line, 'tulle_downstream_connections_total{listener="main",protocol="tcp"} 1');
});

test("the server may end first and still get the client's rest", async (context) => {
  let got: Promise<string> | undefined;
  const { proxy } = await through(context, (socket) => {
    got = readAll(socket);
    socket.end("bye");
  });
  const client = await tcpClient(context, proxy.port());
  assert.equal(await readAll(client), "bye");
  client.end("late");
  assert.equal(await got, "late");
});

test("a server speaks first without delay", async (context) => {
  const { proxy } = await through(context, greeting("220 mail.example ESMTP\r\n"));
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  assert.match(await client.text(/\n/), /^220 mail/);
  client.send("QUIT\r\n");
  assert.match(await client.text(/QUIT/), /QUIT/);
});

test("fifty megabytes each way, at the same time and whole", {
  timeout: 60_000,
}, async (context) => {
  const { proxy } = await through(context, echo);
  const client = await tcpClient(context, proxy.port());
  const block = Buffer.alloc(MEGABYTE, 0x61).fill("0123456789", 17, 1000);
  const sent = createHash("sha256");
  const got = createHash("sha256");
  let count = 0;
  client.on("data", (bytes: Buffer) => {
    count += bytes.length;
    got.update(bytes);
  });
  for (let i = 0; i < 50; i++) {
    block[i] = i;
    sent.update(block);
    if (!client.write(Buffer.from(block))) await once(client, "drain");
  }
  client.end();
  await once(client, "end");
  assert.equal(count, 50 * MEGABYTE);
  assert.equal(got.digest("hex"), sent.digest("hex"));
});

test("a server that does not read stops the client", async (context) => {
  const { proxy, upstream } = await through(context, (socket) => socket.pause());
  const client = await tcpClient(context, proxy.port());
  const sentBytes = 64 * MEGABYTE;
  client.end(Buffer.alloc(sentBytes));
  const taken = (): number => proxy.metric("istio_tcp_received_bytes_total");
  await until(() => taken() > MEGABYTE);
  // The kernel's buffers are full once nothing has moved for many turns.
  for (let before = -1, turns = 0; turns < 200; turns = before === taken() ? turns + 1 : 0) {
    before = taken();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(taken() < sentBytes / 2, `the proxy took ${taken()} bytes`);
  const [socket = assert.fail("no connection")] = upstream.sockets;
  const all = readAll(socket);
  socket.resume();
  assert.equal((await all).length, sentBytes);
});

test("a reset of either side is one for the other", async (context) => {
  const { proxy, upstream } = await through(context, greeting("hi"));
  const first = await RawClient.connect(proxy.port());
  await first.text(/hi/);
  upstream.sockets[0]?.resetAndDestroy();
  assert.equal((await first.ending()).how, "reset");
  const second = await RawClient.connect(proxy.port());
  await second.text(/hi/);
  const gone = once(upstream.sockets[1] ?? assert.fail("no connection"), "error");
  second.socket.resetAndDestroy();
  const [error] = await gone;
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
  await until(() => proxy.dataPlane.activeConnections === 0);
});

test("another endpoint is tried when one cannot be reached", async (context) => {
  const upstream = await tcpServer(context, greeting("here"));
  const dead = await freePort();
  const endpoints = [dead, upstream.port];
  const start = (attempts: number) =>
    ProxyFixture.start(
      context,
      tcpBootstrap(opaque("app", { max_connect_attempts: attempts }), [{ name: "app", endpoints }]),
    );
  const patient = await start(2);
  for (let i = 0; i < 4; i++) {
    const client = await RawClient.connect(patient.port());
    assert.match(await client.text(/here/), /here/);
    client.close();
  }
  const hasty = await start(1);
  const endings: string[] = [];
  for (let i = 0; i < 2; i++) {
    const client = new RawClient(connect(hasty.port(), "127.0.0.1"));
    endings.push(await client.text(/here/).catch(() => "reset"));
    client.close();
  }
  assert.deepEqual(endings.sort(), ["here", "reset"]);
  assert.equal(hasty.metric("istio_tcp_connections_opened_total", 'response_flags="UF"'), 1);
  assert.equal(hasty.metric("istio_tcp_connections_closed_total", 'response_flags="UF"'), 1);
});

test("a cluster that is missing or empty resets the client and says why", async (context) => {
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(
      {
        filter_chains: [{ filters: [tcpFilter("nowhere")] }],
      },
      [],
    ),
  );
  const client = new RawClient(connect(proxy.port(), "127.0.0.1"));
  assert.equal((await client.ending()).how, "reset");
  assert.equal(proxy.metric("istio_tcp_connections_closed_total", 'response_flags="NC"'), 1);
  proxy.dataPlane.setCluster(
    proxy.cluster({ name: "nowhere", type: "STATIC", load_assignment: { cluster_name: "x" } }),
  );
  const second = new RawClient(connect(proxy.port(), "127.0.0.1"));
  assert.equal((await second.ending()).how, "reset");
  assert.equal(proxy.metric("istio_tcp_connections_closed_total", 'response_flags="UH"'), 1);
});

test("connections are split by weight", async (context) => {
  const a = await tcpServer(context, greeting("a"));
  const b = await tcpServer(context, greeting("b"));
  const weighted_clusters = {
    clusters: [
      { name: "a", weight: 1 },
      { name: "b", weight: 3 },
    ],
  };
  const proxy = await ProxyFixture.start(
    context,
    tcpBootstrap(opaque("", { weighted_clusters }), [
      { name: "a", endpoints: [a.port] },
      { name: "b", endpoints: [b.port] },
    ]),
  );
  for (let i = 0; i < 80; i++) {
    const client = await RawClient.connect(proxy.port());
    await client.text(/[ab]/);
    client.close();
  }
  assert.equal(a.sockets.length + b.sockets.length, 80);
  assert.ok(a.sockets.length > 8 && a.sockets.length < 35, `${a.sockets.length} of 80`);
});

test("an idle connection ends after its limit, one in use does not", async (context) => {
  const clock = new ManualClock();
  const { proxy } = await through(context, greeting("hi"), { idle_timeout: "10s" }, clock);
  const client = await RawClient.connect(proxy.port());
  await client.text(/hi/);
  for (let i = 1; i <= 5; i++) {
    clock.advance(6_000);
    client.send(`<${i}>`);
    await client.text(new RegExp(`<${i}>`));
  }
  clock.advance(8_000);
  assert.equal(proxy.dataPlane.activeConnections, 1);
  clock.advance(4_000);
  await client.ending();
  await until(() => proxy.dataPlane.activeConnections === 0);
});

test("a connection outlives its listener, and a stop ends it", async (context) => {
  const clock = new ManualClock();
  const { proxy, upstream } = await through(context, greeting("hi"), {}, clock);
  const client = await RawClient.connect(proxy.port());
  await client.text(/hi/);
  await proxy.dataPlane.removeListener("main");
  clock.advance(60_000);
  client.send("still");
  await client.text(/still/);
  assert.equal(proxy.dataPlane.activeConnections, 1);
  await proxy.dataPlane.stop();
  await client.ending();
  assert.equal(upstream.sockets.length, 1);
});

test("the access log has a line for each connection, without what only HTTP has", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "tulle-tcp-log-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "log");
  const type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
  const access_log = [{ name: "file", typed_config: { "@type": type, path } }];
  const { proxy, upstream } = await through(context, greeting("hello"), { access_log });
  const client = await RawClient.connect(proxy.port());
  await client.text(/hello/);
  client.send("abc");
  await client.text(/abc/);
  client.close();
  await until(() => proxy.dataPlane.activeConnections === 0);
  await proxy.dataPlane.stop();
  const line = JSON.parse(readFileSync(path, "utf8"));
  assert.equal(line.method, null);
  assert.equal(line.path, null);
  assert.equal(line.protocol, null);
  assert.equal(line.response_code, 0);
  assert.equal(line.response_flags, "-");
  assert.equal(line.bytes_received, 3);
  assert.equal(line.bytes_sent, 8);
  assert.equal(line.upstream_host, `127.0.0.1:${upstream.port}`);
  assert.equal(line.upstream_cluster, "app");
  assert.equal(line.attempts, 1);
  assert.match(line.downstream_remote_address, /^127\.0\.0\.1:\d+$/);
});

test("TCP crosses mutual TLS between two proxies, and a wrong peer gets nothing", async (context) => {
  const root = rootOf();
  const upstream = await tcpServer(context, greeting("welcome"));
  const inbound = await ProxyFixture.start(
    context,
    tcpBootstrap(
      {
        traffic_direction: "INBOUND",
        filter_chains: [
          { filters: [tcpFilter("app")], transport_socket: downstreamTls(DOWNSTREAM_TLS) },
        ],
      },
      [{ name: "app", endpoints: [upstream.port] }],
    ),
  );
  setIdentity(inbound.dataPlane, keyPair(root, [idFor("db")]), [root]);
  const outbound = async (expected: string) => {
    const proxy = await ProxyFixture.start(
      context,
      tcpBootstrap(opaque("peer"), [
        { name: "peer", endpoints: [inbound.port()], tls: upstreamTls(expected) },
      ]),
    );
    setIdentity(proxy.dataPlane, keyPair(root, [idFor("web")]), [root]);
    return proxy;
  };
  const right = await outbound(idFor("db"));
  const client = await tcpClient(context, right.port());
  client.end("early");
  assert.equal(await readAll(client), "welcomeearly");
  // More than what fits into what the TLS socket reads before anybody asks for it.
  const large = await tcpClient(context, right.port());
  large.end(Buffer.alloc(8 * MEGABYTE, "x"));
  assert.equal((await readAll(large)).length, "welcome".length + 8 * MEGABYTE);
  const source = 'source_principal="spiffe://mesh.test/ns/shop/sa/web"';
  const mutual = 'connection_security_policy="mutual_tls"';
  await until(() => inbound.metric("istio_tcp_connections_closed_total", source, mutual) === 2);
  const wrong = await outbound(idFor("other"));
  const refused = new RawClient(connect(wrong.port(), "127.0.0.1"));
  assert.deepEqual(await refused.ending(), { how: "reset", unread: "" });
  assert.equal(wrong.metric("istio_tcp_connections_closed_total", 'response_flags="UF"'), 1);
  assert.equal(upstream.sockets.length, 2);
});

for (const version of ["V1", "V2"]) {
  test(`the upstream is told of the client by a PROXY header ${version}`, async (context) => {
    const root = rootOf();
    const type = "type.googleapis.com/envoy.extensions.transport_sockets";
    const pair = keyPair(root, [idFor("db")]);
    for (const isTls of [false, true]) {
      const inner: JsonObject = isTls
        ? { "@type": `${type}.tls.v3.UpstreamTlsContext`, ...upstreamTls(idFor("db")) }
        : { "@type": `${type}.raw_buffer.v3.RawBuffer` };
      const transport_socket: JsonObject = {
        name: "proxy",
        typed_config: {
          "@type": `${type}.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
          config: { version },
          transport_socket: { name: "inner", typed_config: inner },
        },
      };
      const server = createTlsServer({ ...pair, minVersion: "TLSv1.3" }, (socket) => {
        socket.pipe(socket);
      });
      let endpoints: ProxiedEndpoints | undefined;
      const upstream = await tcpServer(context, (socket) => {
        socket.once("data", (bytes: Buffer) => {
          const verdict = readProxyHeader(bytes, 0, bytes.length);
          assert.ok(verdict.kind === "header");
          endpoints = verdict.header.endpoints;
          socket.pause();
          const rest = bytes.subarray(verdict.header.length);
          if (rest.length > 0) socket.unshift(rest);
          if (isTls) server.emit("connection", socket);
          else socket.pipe(socket);
        });
      });
      const proxy = await ProxyFixture.start(
        context,
        tcpBootstrap(opaque("app"), [
          { name: "app", endpoints: [upstream.port], fields: { transport_socket } },
        ]),
      );
      setIdentity(proxy.dataPlane, keyPair(root, [idFor("web")]), [root]);
      const client = await tcpClient(context, proxy.port());
      const sourcePort = client.localPort;
      client.end("payload");
      assert.equal(await readAll(client), "payload");
      assert.deepEqual(endpoints, {
        kind: "tcp",
        ...{ sourceAddress: "127.0.0.1", sourcePort },
        ...{ destinationAddress: "127.0.0.1", destinationPort: proxy.port() },
      });
    }
  });
}
