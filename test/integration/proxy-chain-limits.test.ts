/** Limits on the connections of a filter chain, TCP, HTTP and TLS: who comes in, who is closed, and what is told of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { comesIn, fewConnections, maxConnections } from "../support/connection-limits.ts";
import { serverTls } from "../support/http2-options.ts";
import { idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import {
  downstreamTls,
  httpFilter,
  tcpBootstrap,
  tcpFilter,
  tcpServer,
} from "../support/tcp-fixture.ts";
import { becomes, metric } from "../support/worker-fixture.ts";

const REFUSED = "tulle_ratelimit_connections_refused_total";
const GET = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";

function listener(filters: readonly JsonObject[], more: JsonObject = {}): JsonObject {
  return { filter_chains: [{ filters: [...filters], ...more }] };
}

test("so many TCP connections at a time; others are closed, counted and logged", async (context) => {
  const app = await tcpServer(context, (socket) => socket.pipe(socket));
  const access_log = [
    {
      name: "log",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
      },
    },
  ];
  const filters = [maxConnections(2), tcpFilter("app", { access_log })];
  const proxy = await ProxyProcess.start(
    context,
    tcpBootstrap(listener(filters), [{ name: "app", endpoints: [app.port] }]),
  );
  const port = proxy.port("main");
  const first = await comesIn(context, port, "hello");
  assert.ok(first && (await comesIn(context, port, "hello")));
  assert.equal(await comesIn(context, port, "hello"), undefined);
  const labels = ['policy="default/few"', 'reason="over_connection_limit"'];
  assert.equal(await metric(proxy, REFUSED, ...labels), 1);
  assert.equal(
    await metric(proxy, "tulle_downstream_connections_refused_total", labels[1] ?? ""),
    1,
  );
  await proxy.line("connections refused: a policy limits them");
  await becomes(() => proxy.output.length > 0);
  const line = JSON.parse(proxy.output[0] ?? "");
  assert.equal(line.connection_termination_details, "over_connection_limit");
  assert.equal(line.response_flags, "-");
  assert.equal(app.sockets.length, 2);
  // A place that is left is another's.
  first.destroy();
  await becomes(async () => (await comesIn(context, port, "hello")) !== undefined);
});

test("so many new HTTP connections; their requests are not limited", async (context) => {
  const app = await RawUpstream.echo(context);
  const filters = [fewConnections(2), httpFilter("app")];
  const proxy = await ProxyProcess.start(
    context,
    tcpBootstrap(listener(filters), [{ name: "app", endpoints: [app.port] }]),
  );
  const port = proxy.port("main");
  const client = await RawClient.connect(port);
  context.after(() => client.close());
  for (let i = 0; i < 5; i++) {
    client.get("/");
    assert.equal((await client.response()).status, 200);
  }
  assert.ok(await comesIn(context, port, GET));
  for (let i = 0; i < 3; i++) assert.equal(await comesIn(context, port, GET), undefined);
  const labels = ['policy="default/few"', 'reason="local_ratelimit_close_over_limit"'];
  assert.equal(await metric(proxy, REFUSED, ...labels), 3);
  client.get("/");
  assert.equal((await client.response()).status, 200);
});

test("a TLS connection too many is closed before its handshake", async (context) => {
  const app = await RawUpstream.echo(context);
  const tls = serverTls(keyPair(rootOf(), [idFor("app")]), "http/1.1");
  const filters = [maxConnections(1), httpFilter("app")];
  const proxy = await ProxyProcess.start(
    context,
    tcpBootstrap(listener(filters, { transport_socket: downstreamTls(tls) }), [
      { name: "app", endpoints: [app.port] },
    ]),
  );
  const port = proxy.port("main");
  const client = await RawClient.connectTls(port, {});
  client.get("/");
  assert.equal((await client.response()).status, 200);
  await assert.rejects(RawClient.connectTls(port, {}));
  client.close();
  await becomes(async () => {
    const next = await RawClient.connectTls(port, {}).catch(() => undefined);
    next?.close();
    return next !== undefined;
  });
});
