/** Filter chains are chosen as a real Envoy chooses them, from the same listener and the same first bytes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import { serializeProxyHeaderV2 } from "../../src/net/first-bytes/proxy-header-writer.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";
import { listenerFilter, tcpBootstrap, tcpFilter, tcpServer } from "../support/tcp-fixture.ts";

const envoy = await envoyOrSkip();

/** Each chain's cluster is a server that says the chain's name. */
const CHAINS: Readonly<Record<string, JsonObject>> = {
  exact: { server_names: ["a.example.com"] },
  suffix: { server_names: ["*.example.com"] },
  longer: { server_names: ["*.b.example.com"] },
  exactH2: { server_names: ["h.example.com"], application_protocols: ["h2"] },
  exactTls: { server_names: ["t.example.com"], transport_protocol: "tls" },
  anyDb: { transport_protocol: "tls", application_protocols: ["db", "db2"] },
  plainHttp: {
    transport_protocol: "raw_buffer",
    application_protocols: ["http/1.1", "http/1.0"],
  },
  plainH2: { transport_protocol: "raw_buffer", application_protocols: ["h2c"] },
  port: { destination_port: 8443 },
};

const NAMES = [
  "a.example.com",
  "A.EXAMPLE.com",
  "b.example.com",
  "x.b.example.com",
  "x.y.b.example.com",
  "h.example.com",
  "t.example.com",
  "example.com",
  "other.org",
  "",
];
const OFFERS = [[], ["h2"], ["http/1.1", "h2"], ["db2", "h2"], ["nothing"]];

/** What a TLS client sends first. */
async function clientHello(servername: string, ALPNProtocols: string[]): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const accepted = once(server, "connection");
  const client = connectTls({
    port,
    host: "127.0.0.1",
    servername,
    ...(ALPNProtocols.length === 0 ? {} : { ALPNProtocols }),
  });
  client.on("error", () => {});
  const [socket] = await accepted;
  const [bytes] = await once(socket, "data");
  client.destroy();
  socket.destroy();
  server.close();
  return bytes as Buffer;
}

/** The name of the chain that a connection which begins with these bytes gets, "" for none. */
async function chainOf(port: number, bytes: Buffer): Promise<string> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(bytes);
  const name = await new Promise<string>((resolve) => {
    socket.once("data", (bytes: Buffer) => resolve(String(bytes)));
    socket.once("close", () => resolve(""));
  });
  socket.destroy();
  return name;
}

async function proxies(context: TestContext, more: JsonObject) {
  assert.ok(envoy.path !== undefined);
  const names = [...Object.keys(CHAINS), "rest"];
  const servers = await Promise.all(
    names.map((name) => tcpServer(context, (socket) => socket.resume().write(name))),
  );
  const bootstrap = tcpBootstrap(
    {
      filter_chains: Object.entries(CHAINS).map(([name, filter_chain_match]) => ({
        name,
        filter_chain_match,
        filters: [tcpFilter(name)],
      })),
      ...more,
    },
    names.map((name, index) => ({ name, endpoints: [servers[index]?.port ?? 0] })),
  ) as { readonly static_resources: JsonObject };
  const ours = await ProxyFixture.start(context, bootstrap as unknown as JsonObject);
  const theirs = await startStaticEnvoy(envoy.path, bootstrap.static_resources);
  context.after(() => theirs.stop());
  return { ours: ours.port(), theirs: theirs.portOf("main") };
}

async function firstBytes(): Promise<ReadonlyMap<string, Buffer>> {
  const all = new Map<string, Buffer>([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
    ["HTTP/1.0", Buffer.from("GET / HTTP/1.0\r\n\r\n")],
    ["HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
    ["SMTP", Buffer.from("EHLO me\r\n")],
    ["binary", Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])],
  ]);
  for (const name of NAMES) {
    for (const offer of OFFERS) all.set(`${name} ${offer}`, await clientHello(name, offer));
  }
  return all;
}

const INSPECTORS = [listenerFilter("tls_inspector"), listenerFilter("http_inspector")];

for (const hasDefault of [true, false]) {
  const what = hasDefault ? "with a default chain" : "without a default chain";
  test(`the same chains ${what}`, { skip: envoy.skip ?? false }, async (context) => {
    const { ours, theirs } = await proxies(context, {
      listener_filters: INSPECTORS,
      ...(hasDefault ? { default_filter_chain: { filters: [tcpFilter("rest")] } } : {}),
    });
    const different: string[] = [];
    const seen = new Set<string>();
    for (const [title, bytes] of await firstBytes()) {
      const [own, expected] = await Promise.all([chainOf(ours, bytes), chainOf(theirs, bytes)]);
      seen.add(expected);
      if (own !== expected) different.push(`${title}: ${own}, Envoy ${expected}`);
    }
    assert.deepEqual(different, []);
    assert.ok(seen.size >= Object.keys(CHAINS).length, [...seen].join(" "));
  });
}

test("the port of a PROXY header chooses alike", { skip: envoy.skip ?? false }, async (context) => {
  const { ours, theirs } = await proxies(context, {
    listener_filters: [listenerFilter("proxy_protocol"), ...INSPECTORS],
    default_filter_chain: { filters: [tcpFilter("rest")] },
  });
  const bytes = await firstBytes();
  for (const destinationPort of [8443, 9000]) {
    const header = serializeProxyHeaderV2({
      endpoints: {
        kind: "tcp",
        sourceAddress: "192.0.2.1",
        sourcePort: 1234,
        destinationAddress: "192.0.2.2",
        destinationPort,
      },
      hasChecksum: false,
    });
    for (const title of ["HTTP/1.1", "a.example.com h2", "SMTP"]) {
      const sent = Buffer.concat([header, bytes.get(title) ?? assert.fail(title)]);
      const expected = await chainOf(theirs, sent);
      assert.equal(await chainOf(ours, sent), expected, `${title} to ${destinationPort}`);
      assert.equal(expected === "port", destinationPort === 8443);
    }
  }
});
