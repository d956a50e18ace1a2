/**
 * T27 (CVE-2025-23419): what was proven for one host is not taken for another one. Through a sidecar's process, with
 * HTTP/1.1 and HTTP/2, with a new session and a resumed one.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type TestContext, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, listenerJson } from "../support/proxy-bootstrap.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const root = rootOf();
const shared = containedTls(keyPair(root, [idFor("shop")]), [root]);
const own = containedTls(keyPair(root, [idFor("bank")]), [root]);
const client = keyPair(root, [idFor("web")]);
const TLS_INSPECTOR =
  "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";

/** `shop.test` and its subdomains prove themselves by one certificate, `bank.test` by another. */
async function start(context: TestContext) {
  const app = await RawUpstream.echo(context);
  const bootstrap = bootstrapOf([], [{ name: "app", endpoints: [app.port] }]);
  const chain = (names: readonly string[], tls: JsonObject): JsonObject => {
    const listener = listenerJson({ routes: "app", manager: { codec_type: "AUTO" }, tls });
    const [only] = listener["filter_chains"] as JsonObject[];
    const { common_tls_context: common, ...rest } = tls;
    const context_ = { ...(common as JsonObject), alpn_protocols: ["h2", "http/1.1"] };
    const socket = only?.["transport_socket"] as JsonObject;
    const typed = {
      ...(socket["typed_config"] as JsonObject),
      ...rest,
      common_tls_context: context_,
    };
    return {
      ...only,
      transport_socket: { ...socket, typed_config: typed },
      filter_chain_match: { server_names: [...names] },
    };
  };
  const listener: JsonObject = {
    ...listenerJson({ routes: "app" }),
    listener_filters: [{ name: "tls", typed_config: { "@type": TLS_INSPECTOR } }],
    filter_chains: [
      chain(["shop.test"], shared),
      chain(["*.shop.test"], shared),
      chain(["bank.test"], own),
    ],
  };
  const resources = bootstrap["static_resources"] as JsonObject;
  const proxy = await ProxyProcess.start(context, {
    ...bootstrap,
    static_resources: { ...resources, listeners: [listener] },
  });
  return { app, port: proxy.port("main") };
}

const HOSTS: readonly (readonly [serverName: string, host: string, status: number])[] = [
  ["shop.test", "shop.test", 200],
  ["shop.test", "SHOP.test.:443", 200],
  ["shop.test", "www.shop.test", 200],
  ["www.shop.test", "shop.test", 200],
  ["shop.test", "bank.test", 421],
  ["shop.test", "Bank.Test.:443", 421],
  ["www.shop.test", "bank.test:443", 421],
  ["bank.test", "shop.test", 421],
  ["bank.test", "other.test", 421],
  ["bank.test", "bank.test", 200],
];

test("a request for another host than that of its connection gets 421", async (context) => {
  const { app, port } = await start(context);
  for (const [servername, host, status] of HOSTS) {
    const http1 = await RawClient.connectTls(port, { ...client, servername });
    http1.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await http1.response()).status, status, `${servername} ${host}`);
    // The connection goes on, for its own host.
    http1.send(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`);
    assert.equal((await http1.response()).status, 200, servername);
    http1.close();
    assert.equal(await http2Status(port, servername, host), status, `h2 ${servername} ${host}`);
  }
  const refused = HOSTS.filter(([, , status]) => status === 421).length;
  assert.equal(app.requests.length, 3 * HOSTS.length - 2 * refused);
});

test("a session of one host does not open another one", async (context) => {
  const { port } = await start(context);
  const first = connect({ ...client, port, servername: "shop.test", rejectUnauthorized: false });
  const session = await new Promise<Buffer>((resolve) => {
    first.once("session", resolve);
    first.write("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
  });
  first.destroy();
  for (const [servername, host, status] of [
    ["bank.test", "bank.test", 200],
    ["shop.test", "bank.test", 421],
  ] as const) {
    const raw = connect({ ...client, port, servername, session, rejectUnauthorized: false });
    await once(raw, "secureConnect");
    const resumed = new RawClient(raw);
    if (servername === "bank.test") assert.equal(identityOf(raw), idFor("bank"));
    resumed.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.equal((await resumed.response()).status, status, `${servername} ${host}`);
    resumed.close();
  }
});

function identityOf(socket: TLSSocket): string | undefined {
  return socket.getPeerX509Certificate()?.subjectAltName?.replace("URI:", "");
}

async function http2Status(port: number, servername: string, host: string): Promise<number> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    ...client,
    servername,
    rejectUnauthorized: false,
  });
  const stream = session.request({ ":path": "/", ":authority": host });
  const [headers] = await once(stream, "response");
  session.destroy();
  return headers[":status"];
}
