/** Connections end with the certificate of their peer: on both sides of a mesh hop, in every protocol, and none too early. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { PEER_EXPIRY_LEAD_MS } from "../../src/core/limits.ts";
import { withAlpn } from "../support/http2-options.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
  upstreamTls,
} from "../support/proxy-identities.ts";
import { RawApp } from "../support/raw-app.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { downstreamTls, tcpBootstrap, tcpFilter } from "../support/tcp-fixture.ts";
import { becomes } from "../support/worker-fixture.ts";

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;
const ACTIVE = "tulle_downstream_connections_active";
const root = rootOf();

/** Whose certificate lasts for an hour; the other's lasts for longer. */
type Mortal = "client" | "server";

interface Hop {
  readonly clock: ManualClock;
  readonly outbound: ProxyFixture;
  readonly inbound: ProxyFixture;
  /** The client's sidecar speaks to that of the app over one connection. */
  readonly connections: () => number;
  /** Until the hour is nearly over, then until it is. */
  readonly passHour: () => void;
  readonly renew: () => void;
}

/** Two sidecars whose clocks go together, and which never end an idle connection. */
async function hopOf(
  context: TestContext,
  bootstraps: { readonly inbound: JsonObject; outbound(port: number): JsonObject },
  mortal: Mortal,
): Promise<Hop> {
  const nowMs = Date.now();
  const clock = new ManualClock(nowMs);
  // Certificates count whole seconds.
  const endMs = Math.floor(nowMs / SECOND_MS) * SECOND_MS + HOUR_MS;
  const lasting = { notAfterMs: endMs + 5 * HOUR_MS };
  const partsOf = (side: Mortal) => (side === mortal ? { notAfterMs: endMs } : lasting);
  const inbound = await ProxyFixture.start(context, bootstraps.inbound, { clock });
  setIdentity(inbound.dataPlane, keyPair(root, [idFor("app")], partsOf("server")), [root]);
  const outbound = await ProxyFixture.start(context, bootstraps.outbound(inbound.port()), {
    clock,
  });
  setIdentity(outbound.dataPlane, keyPair(root, [idFor("web")], partsOf("client")), [root]);
  return {
    clock,
    outbound,
    inbound,
    connections: () => inbound.metric(ACTIVE),
    passHour: () => clock.advance(endMs - clock.nowMs()),
    renew: () => {
      const proxy = mortal === "server" ? inbound : outbound;
      const id = mortal === "server" ? idFor("app") : idFor("web");
      setIdentity(proxy.dataPlane, keyPair(root, [id], lasting), [root]);
    },
  };
}

const UPSTREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const NEVER = { idle_timeout: "0s", max_connection_duration: "0s" };
const PATIENT: JsonObject = {
  stream_idle_timeout: "0s",
  common_http_protocol_options: { idle_timeout: "0s" },
};
const ROUTES = [{ match: { prefix: "/" }, route: { cluster: "peer", timeout: "0s" } }];

async function httpHop(context: TestContext, version: "http1" | "http2", mortal: Mortal) {
  const app = await RawUpstream.start(context);
  const alpn = version === "http2" ? ["h2"] : ["http/1.1"];
  const spoken =
    version === "http2"
      ? { explicit_http_config: { http2_protocol_options: {} } }
      : { explicit_http_config: { http_protocol_options: {} } };
  const fields = {
    typed_extension_protocol_options: {
      [UPSTREAM_OPTIONS]: {
        "@type": `type.googleapis.com/${UPSTREAM_OPTIONS}`,
        common_http_protocol_options: NEVER,
        ...spoken,
      },
    },
  };
  const tls = withAlpn(upstreamTls(idFor("app")), ...alpn);
  const bootstraps = {
    inbound: bootstrapOf(
      [{ routes: ROUTES, manager: PATIENT, tls: withAlpn(DOWNSTREAM_TLS, ...alpn) }],
      [{ name: "peer", endpoints: [app.port] }],
    ),
    outbound: (port: number) =>
      bootstrapOf(
        [{ routes: ROUTES, manager: PATIENT }],
        [{ name: "peer", endpoints: [port], tls, fields }],
      ),
  };
  const hop = await hopOf(context, bootstraps, mortal);
  const client = async (): Promise<RawClient> => {
    const raw = await RawClient.connect(hop.outbound.port());
    context.after(() => raw.close());
    return raw;
  };
  return { ...hop, app, client };
}

for (const version of ["http1", "http2"] as const) {
  for (const mortal of ["client", "server"] as const) {
    test(`${version}: the certificate of the ${mortal} ends its connections behind what they carry`, async (context) => {
      const hop = await httpHop(context, version, mortal);
      const slow = await hop.client();
      slow.get("/slow");
      const held = await hop.app.next();
      assert.equal(hop.connections(), 1);
      hop.clock.advance(HOUR_MS / 4);
      assert.equal(hop.connections(), 1);
      hop.renew();
      hop.passHour();
      const next = await hop.client();
      next.get("/next");
      const other = await hop.app.next();
      assert.equal(hop.connections(), 2);
      other.reply("next");
      held.reply("slow");
      assert.equal((await next.response()).body, "next");
      assert.equal((await slow.response()).body, "slow");
      await becomes(() => hop.connections() === 1);
      assert.equal(hop.inbound.metric("tulle_connection_faults_total"), 0);
    });

    test(`${version}: an idle connection is gone when the certificate of the ${mortal} is`, async (context) => {
      const hop = await httpHop(context, version, mortal);
      const client = await hop.client();
      client.get("/");
      (await hop.app.next()).reply("ok");
      assert.equal((await client.response()).body, "ok");
      hop.clock.advance(HOUR_MS - PEER_EXPIRY_LEAD_MS - 60 * SECOND_MS);
      assert.equal(hop.connections(), 1);
      hop.passHour();
      await becomes(() => hop.connections() === 0);
      // Without a renewal there is no other: the peer is refused, once clocks that differ a little are allowed for.
      hop.clock.advance(10 * 60 * SECOND_MS);
      client.get("/late");
      // Its end waits for a certificate that can be shown, as long as connecting may take.
      const late = client.response();
      const waiting = setInterval(() => hop.clock.advance(SECOND_MS), 5);
      context.after(() => clearInterval(waiting));
      assert.equal((await late).status, 503);
    });
  }
}

for (const mortal of ["client", "server"] as const) {
  test(`tcp: a stream of bytes is cut with the certificate of the ${mortal}`, async (context) => {
    const app = await RawApp.start(context);
    const idle = { idle_timeout: "0s" };
    const filters = [tcpFilter("peer", idle)];
    const transport_socket = downstreamTls(withAlpn(DOWNSTREAM_TLS, "bytes"));
    const tls = withAlpn(upstreamTls(idFor("app")), "bytes");
    const bootstraps = {
      inbound: tcpBootstrap({ filter_chains: [{ filters, transport_socket }] }, [
        { name: "peer", endpoints: [app.port] },
      ]),
      outbound: (port: number) =>
        tcpBootstrap({ filter_chains: [{ filters }] }, [{ name: "peer", endpoints: [port], tls }]),
    };
    const hop = await hopOf(context, bootstraps, mortal);
    const client = await RawClient.connect(hop.outbound.port());
    context.after(() => client.close());
    client.send("hello\n");
    const served = await app.next();
    await served.take(/hello\n/);
    hop.clock.advance(HOUR_MS - PEER_EXPIRY_LEAD_MS - 60 * SECOND_MS);
    served.send("still here\n");
    await client.take(/still here\n/);
    hop.passHour();
    await Promise.all([client.ending(), served.ending()]);
  });
}
