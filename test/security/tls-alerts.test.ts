/**
 * A fatal alert ends its connection at once, whoever sends it (RFC 8446 section 6.2): the sidecar closes the TCP connection
 * itself, also when its peer goes on to hold its own side, as a peer does that means ill.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { systemClock } from "../../src/core/clock.ts";
import { issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import {
  startTestControlPlane,
  TEST_TRUST_DOMAIN,
} from "../../src/identity/control-plane-fixtures.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { RECORD, recordHead, Tls13Client } from "../support/tls13-client.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";
const root = rootOf();
const web = keyPair(root, [idFor("web")]);
const app = keyPair(root, [idFor("app")]);

/** Stands between two peers and ends neither side by itself, so that who closes first is seen. */
class Relay {
  readonly port: number;
  /** Of each connection, the side that was accepted and the side that was dialled. */
  readonly pairs: { readonly accepted: Socket; readonly dialled: Socket }[] = [];

  static async start(context: TestContext, to: number): Promise<Relay> {
    const pairs: Relay["pairs"] = [];
    const server = createServer({ allowHalfOpen: true }, (accepted) => {
      const dialled = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true });
      for (const socket of [accepted, dialled]) socket.on("error", () => {});
      accepted.on("data", (bytes) => dialled.write(bytes));
      dialled.on("data", (bytes) => accepted.write(bytes));
      pairs.push({ accepted, dialled });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => {
      server.close();
      for (const { accepted, dialled } of pairs) {
        accepted.destroy();
        dialled.destroy();
      }
    });
    return new Relay((server.address() as AddressInfo).port, pairs);
  }

  private constructor(port: number, pairs: Relay["pairs"]) {
    this.port = port;
    this.pairs = pairs;
  }
}

/** Resolves when the other side has closed its end, whether by FIN or by a reset. */
function closedByPeer(socket: Socket): Promise<unknown> {
  return Promise.race([once(socket, "end"), once(socket, "close")]);
}

const ALERTS: Readonly<Record<string, (client: Tls13Client) => void>> = {
  "a fatal alert of the client": (client) => client.write(RECORD.alert, Buffer.of(2, 40)),
  "a message that has no place, which the sidecar answers with an alert": (client) =>
    client.write(RECORD.handshake, Buffer.concat([Buffer.of(20, 0, 0, 32), Buffer.alloc(32)])),
  "data that nobody has encrypted": (client) =>
    client.raw.write(Buffer.concat([recordHead(RECORD.applicationData, 80), Buffer.alloc(80, 7)])),
};

/** The inbound listener of a port that carries opaque TCP. */
function forTcp(bootstrap: JsonObject): JsonObject {
  const filter = {
    name: "tcp",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      stat_prefix: "app",
      cluster: "app",
    },
  };
  const copy = structuredClone(bootstrap) as unknown as {
    static_resources: { listeners: { filter_chains: { filters: JsonObject[] }[] }[] };
  };
  for (const listener of copy.static_resources.listeners) {
    for (const chain of listener.filter_chains) chain.filters = [filter];
  }
  return copy as unknown as JsonObject;
}

for (const protocol of ["HTTP/1.1", "opaque TCP"] as const) {
  for (const [what, attack] of Object.entries(ALERTS)) {
    test(`inbound, ${protocol}: ${what} ends the connection`, async (context) => {
      const echo = await RawUpstream.echo(context);
      const tls = containedTls(app, [root]);
      const bootstrap = bootstrapOf(
        [{ name: "inbound", routes: "app", direction: "INBOUND", tls }],
        [{ name: "app", endpoints: [echo.port] }],
      );
      const isTcp = protocol === "opaque TCP";
      const proxy = await ProxyProcess.start(context, isTcp ? forTcp(bootstrap) : bootstrap);
      const relay = await Relay.start(context, proxy.port("inbound"));
      const client = await Tls13Client.connect(relay.port, web, REQUEST);
      const { dialled } = relay.pairs[0] ?? {};
      assert.ok(dialled !== undefined);
      const closed = closedByPeer(dialled);
      attack(client);
      await closed;
      client.close();
    });
  }
}

test("the control plane's door: a fatal alert of a proxy ends the connection", async (context) => {
  const controlPlane = await startTestControlPlane(systemClock);
  context.after(() => controlPlane.stop());
  const { port } = new URL(`https://${controlPlane.address}`);
  const relay = await Relay.start(context, Number(port));
  const svid = issueTestSvid(controlPlane.authority, `spiffe://${TEST_TRUST_DOMAIN}/ns/a/sa/b`);
  const own = { cert: svid.certificateChainPem, key: svid.privateKeyPem, ALPNProtocols: ["h2"] };
  // RFC 9113 section 3.4: the preface, and SETTINGS that say nothing.
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  const client = await Tls13Client.connect(relay.port, own, preface);
  const { dialled } = relay.pairs[0] ?? {};
  assert.ok(dialled !== undefined);
  const closed = closedByPeer(dialled);
  client.write(RECORD.alert, Buffer.of(2, 40));
  await closed;
  client.close();
});

test("outbound: what is no record of the server ends the connection, and the next one serves", async (context) => {
  const server = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(request.target),
    tls: { ...app, requestCert: true, rejectUnauthorized: false },
  });
  const relay = await Relay.start(context, server.port);
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ name: "outbound", routes: "peer" }],
      [
        {
          name: "peer",
          endpoints: [relay.port],
          tls: containedTls(web, [root], idFor("app")),
        },
      ],
    ),
  );
  const client = await RawClient.connect(proxy.port("outbound"));
  context.after(() => client.close());
  client.get("/first");
  assert.equal((await client.response()).body, "/first");
  const { accepted } = relay.pairs[0] ?? {};
  assert.ok(accepted !== undefined);
  const closed = closedByPeer(accepted);
  accepted.write(Buffer.concat([recordHead(RECORD.applicationData, 80), Buffer.alloc(80, 7)]));
  await closed;
  client.get("/second");
  assert.equal((await client.response()).body, "/second");
  assert.equal(relay.pairs.length, 2);
});
