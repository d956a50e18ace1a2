/** When plain text is no longer let in: what came in plain text ends, what came by mutual TLS goes on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { MTLS_SOURCES_MAX } from "../../src/core/limits.ts";
import { MtlsMetrics } from "../../src/proxy/mtls-metrics.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { prometheusText } from "../../src/telemetry/prometheus-text.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
} from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import {
  downstreamTls,
  httpFilter,
  listenerFilter,
  tcpBootstrap,
  tcpFilter,
} from "../support/tcp-fixture.ts";

const HTTP = ["http/1.0", "http/1.1", "h2c"];
const mtls = (mode: string): JsonObject => ({
  filter_metadata: {
    tulle: { mtls: { mode, origin: "PeerAuthentication a/b", object: "PeerAuthentication a/b" } },
  },
});

/** HTTP and opaque bytes, as translation has it. */
function listener(mode: "PERMISSIVE" | "STRICT"): JsonObject {
  const secure = { filters: [httpFilter("app")], transport_socket: downstreamTls(DOWNSTREAM_TLS) };
  if (mode === "STRICT") return { metadata: mtls(mode), filter_chains: [secure] };
  return {
    metadata: mtls(mode),
    listener_filters: [listenerFilter("tls_inspector"), listenerFilter("http_inspector")],
    filter_chains: [
      { ...secure, filter_chain_match: { transport_protocol: "tls" } },
      {
        filters: [httpFilter("app")],
        filter_chain_match: { transport_protocol: "raw_buffer", application_protocols: HTTP },
      },
    ],
    default_filter_chain: { filters: [tcpFilter("app")] },
  };
}

test("connections in plain text end, those of mutual TLS go on", async (context) => {
  const app = await RawUpstream.echo(context);
  const bootstrap = (mode: "PERMISSIVE" | "STRICT"): JsonObject =>
    tcpBootstrap(listener(mode), [{ name: "app", endpoints: [app.port] }]);
  const proxy = await ProxyFixture.start(context, bootstrap("PERMISSIVE"));
  const root = rootOf();
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("app")]), [root]);
  const port = proxy.port();
  const secure = await RawClient.connectTls(port, keyPair(root, [idFor("web")]));
  const plain = await RawClient.connect(port);
  const opaque = connect({ port, host: "127.0.0.1" });
  opaque.write("\0not HTTP\n");
  for (const client of [secure, plain])
    assert.equal((await client.get("/1").response()).body, "/1");
  // HTTP shares one connection to the app, the opaque one has its own.
  await app.until(() => app.openCount === 2);
  const ended = once(opaque, "close");
  const { static_resources: resources } = bootstrap("STRICT");
  const [strict] = (resources as JsonObject)["listeners"] as JsonObject[];
  await proxy.dataPlane.setListener(proxy.listener(strict ?? {}));
  await ended;
  assert.equal((await plain.ending()).unread, "");
  assert.equal((await secure.get("/2").response()).body, "/2");
  const late = await RawClient.connect(port);
  assert.equal((await late.get("/3").ending()).unread, "");
  const labels = ['arrived="plain text"', 'mode="STRICT"', 'policy="PeerAuthentication a/b"'];
  assert.equal(proxy.metric("tulle_mtls_mismatches_total", ...labels), 1);
  assert.equal(
    proxy.metric("tulle_plaintext_connections_total", 'policy="PeerAuthentication a/b"'),
    2,
  );
  const line = proxy.log.find(({ message }) => message === "connection refused");
  assert.equal(line?.["arrived"], "plain text");
  assert.equal(line?.["mode"], "STRICT");
  assert.equal(line?.["change"], "PeerAuthentication a/b");
});

test("any number of addresses makes a bounded number of series", () => {
  const registry = new MetricRegistry();
  const metrics = new MtlsMetrics(registry);
  const said = { mode: "PERMISSIVE", object: "PeerAuthentication a/b" };
  for (let i = 0; i < 10 * MTLS_SOURCES_MAX; i++)
    metrics.onPlainText("main", said, `10.0.${i >> 8}.${i & 255}`);
  const lines = prometheusText(registry.families())
    .split("\n")
    .filter((line) => line.startsWith("tulle_plaintext_connections_total{"));
  assert.equal(lines.length, MTLS_SOURCES_MAX + 1);
  assert.ok(
    lines.some(
      (line) =>
        line.includes('source_address="other"') && line.endsWith(` ${9 * MTLS_SOURCES_MAX}`),
    ),
  );
});
