/** Mutual TLS on both sides of the data plane: who is refused and why, and how certificates change under load. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import type { CertificateParts, TestIssuer } from "../../src/identity/certificate-fixtures.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
  setRoots,
  upstreamTls,
} from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const HOUR_MS = 3_600_000;
const root = rootOf("root A");
const foreignRoot = rootOf("foreign root");

/** A sidecar's inbound side in front of an app. */
async function inbound(context: TestContext, roots: readonly TestIssuer[] = [root]) {
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ name: "inbound", routes: "app", direction: "INBOUND", tls: DOWNSTREAM_TLS }],
      [{ name: "app", endpoints: [app.port] }],
    ),
  );
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("app")]), roots);
  return { app, proxy, port: proxy.port("inbound") };
}

/** A sidecar's outbound side towards `port`. */
async function outbound(context: TestContext, port: number, ...expected: readonly string[]) {
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: "peer" }],
      [{ name: "peer", endpoints: [port], tls: upstreamTls(...expected) }],
    ),
  );
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("web")]), [root]);
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { proxy, client };
}

function refusals(proxy: ProxyFixture) {
  return proxy.log.filter(({ message }) => message === "connection refused");
}

/** Sends a request as this client, and resolves when the connection has ended without an answer. */
async function beRefused(port: number, options: ConnectionOptions): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let got = "";
  socket.on("data", (bytes: Buffer) => {
    got += bytes.toString();
  });
  socket.on("error", () => {});
  socket.once("secureConnect", () => socket.write("GET / HTTP/1.1\r\nHost: app\r\n\r\n"));
  await closed;
  assert.equal(got, "");
}

interface Stranger {
  readonly what: string;
  readonly uris?: readonly string[];
  readonly issuer?: TestIssuer;
  readonly parts?: CertificateParts;
  readonly code: string;
  readonly reason: RegExp;
}

const STRANGERS: readonly Stranger[] = [
  {
    what: "an expired certificate",
    parts: { notBeforeMs: Date.now() - 3 * HOUR_MS, notAfterMs: Date.now() - 2 * HOUR_MS },
    code: "expired",
    reason: /expired 2 hours ago/,
  },
  {
    what: "a certificate of another trust domain",
    uris: [idFor("web", "other.test")],
    issuer: foreignRoot,
    code: "untrusted-domain",
    reason: /trust domain other\.test, which is not trusted here/,
  },
  {
    what: "a certificate of another trust domain by our own root",
    uris: [idFor("web", "other.test")],
    code: "untrusted-domain",
    reason: /other\.test/,
  },
  {
    what: "a certificate of our trust domain by another root",
    issuer: foreignRoot,
    code: "untrusted-issuer",
    reason: /./,
  },
  {
    what: "a certificate with two URI SANs",
    uris: [idFor("web"), idFor("admin")],
    code: "uri-san-count",
    reason: /2 URI SANs, an SVID has exactly one/,
  },
  { what: "a certificate without a URI", uris: [], code: "uri-san-count", reason: /no URI SAN/ },
];

for (const { what, uris = [idFor("web")], issuer = root, parts = {}, code, reason } of STRANGERS) {
  test(`${what} is refused with one line that says why`, async (context) => {
    const { app, proxy, port } = await inbound(context);
    await beRefused(port, keyPair(issuer, uris, parts));
    const [line, ...more] = refusals(proxy);
    assert.deepEqual(more, []);
    assert.equal(line?.["code"], code);
    assert.match(String(line?.["reason"]), reason);
    assert.match(String(line?.["remote"]), /^127\.0\.0\.1:\d+$/);
    assert.equal(line?.["listener"], "inbound");
    assert.equal(app.connections.length, 0);
    assert.equal(proxy.metric("tulle_downstream_connections_refused_total", `reason="${code}"`), 1);
  });
}

test("a client without a certificate is refused with one line that says why", async (context) => {
  const { app, proxy, port } = await inbound(context);
  await beRefused(port, {});
  const [line, ...more] = refusals(proxy);
  assert.deepEqual(more, []);
  assert.match(String(line?.["reason"]), /showed no certificate/);
  assert.equal(app.connections.length, 0);
});

test("a client in plain text is refused with one line that says why", async (context) => {
  const { app, proxy, port } = await inbound(context);
  const client = await RawClient.connect(port);
  client.get();
  await client.ending();
  const [line, ...more] = refusals(proxy);
  assert.deepEqual(more, []);
  assert.match(String(line?.["reason"]), /plain HTTP arrived where TLS was expected/);
  assert.match(String(line?.["remote"]), /^127\.0\.0\.1:\d+$/);
  assert.equal(app.connections.length, 0);
});

test("before certificate and roots have arrived everybody is refused", async (context) => {
  const app = await RawUpstream.echo(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app", tls: DOWNSTREAM_TLS }], [{ name: "app", endpoints: [app.port] }]),
  );
  await beRefused(proxy.port(), keyPair(root, [idFor("web")]));
  const own = keyPair(root, [idFor("app")]);
  proxy.dataPlane.secrets.setCertificate("default", { chainPem: own.cert, keyPem: own.key });
  await beRefused(proxy.port(), keyPair(root, [idFor("web")]));
  assert.deepEqual(
    refusals(proxy).map((line) => line["code"]),
    ["no-certificate-yet", "no-trust-bundle-yet"],
  );
});

test("a validation context without roots is refused: Envoy would trust everybody", async (context) => {
  const { cert, key } = keyPair(root, [idFor("app")]);
  const context_ = {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
      ],
      validation_context: {},
    },
  };
  const bootstrap = bootstrapOf([{ routes: "app", tls: context_ }], []);
  await assert.rejects(ProxyFixture.start(context, bootstrap), /names alone prove nothing/);
});

test("an accepted caller is known by its id in metrics", async (context) => {
  const { proxy, port } = await inbound(context);
  const client = await RawClient.connectTls(port, keyPair(root, [idFor("web")]));
  client.get("/hello");
  assert.equal((await client.response()).body, "/hello");
  const [line = ""] = proxy.metrics("istio_requests_total{");
  assert.match(line, /source_principal="spiffe:\/\/mesh.test\/ns\/shop\/sa\/web"/);
  assert.match(line, /source_workload="web"/);
  assert.match(line, /connection_security_policy="mutual_tls"/);
  client.close();
});

test("a resumed client is known by its id, and by a new bundle it is refused", async (context) => {
  const { port, proxy } = await inbound(context);
  const options = { ...keyPair(root, [idFor("web")]), port, rejectUnauthorized: false };
  const sessions: Buffer[] = [];
  const dial = async (): Promise<TLSSocket> => {
    const session = sessions.at(-1);
    const socket = connect({ ...options, ...(session === undefined ? {} : { session }) });
    socket.on("session", (more: Buffer) => sessions.push(more));
    context.after(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket;
  };
  for (const isResumed of [false, true]) {
    const socket = await dial();
    assert.equal(socket.isSessionReused(), isResumed);
    const client = new RawClient(socket);
    client.get();
    assert.equal((await client.response()).status, 200);
    client.close();
  }
  const byWeb = 'source_principal="spiffe://mesh.test/ns/shop/sa/web"';
  assert.equal(proxy.metric("istio_requests_total", byWeb), 2);
  setRoots(proxy.dataPlane, [foreignRoot]);
  const socket = await dial();
  assert.equal(socket.isSessionReused(), false);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  assert.deepEqual(
    refusals(proxy).map((line) => line["code"]),
    ["untrusted-issuer"],
  );
});

test("inside the mesh TLS 1.2 is refused with one line that says why", async (context) => {
  const { app, proxy, port } = await inbound(context);
  await beRefused(port, { ...keyPair(root, [idFor("web")]), maxVersion: "TLSv1.2" });
  const [line, ...more] = refusals(proxy);
  assert.deepEqual(more, []);
  assert.equal(line?.["code"], "ERR_SSL_UNSUPPORTED_PROTOCOL");
  assert.equal(line["reason"], "the peer offers no TLS version that is allowed here");
  assert.equal(app.connections.length, 0);
});

test("a client that ends its side under TLS still gets its answer", async (context) => {
  const { port } = await inbound(context);
  const socket = connect({
    ...keyPair(root, [idFor("web")]),
    port,
    rejectUnauthorized: false,
    allowHalfOpen: true,
  } as ConnectionOptions);
  await once(socket, "secureConnect");
  const client = new RawClient(socket);
  client.get("/half");
  socket.end();
  assert.equal((await client.response()).body, "/half");
});

test("two sidecars reach each other by mutual TLS", async (context) => {
  const { app, port } = await inbound(context);
  const { client } = await outbound(context, port, idFor("app"));
  client.get("/1");
  assert.equal((await client.response()).body, "/1");
  const body = "b".repeat(300_000);
  client.send(`POST /2 HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  assert.equal((await client.response()).body, "/2");
  assert.equal(app.requests[1]?.body.length, body.length);
});

test("a sidecar resumes its TLS sessions until a certificate is renewed", async (context) => {
  const server = await inbound(context);
  const { proxy, client } = await outbound(context, server.port, idFor("app"));
  const handshakes = (side: "up" | "down"): readonly number[] => {
    const plane = side === "up" ? proxy : server.proxy;
    const name = `tulle_${side}stream_tls_handshakes_total`;
    return ["new", "resumed"].map((kind) => plane.metric(name, `session="${kind}"`));
  };
  const request = async (): Promise<void> => {
    client.get("/", ["X-Close: yes"]);
    assert.equal((await client.response()).status, 200);
    // The next one dials.
    const infos = proxy.dataPlane.clusters.get("peer")?.endpoints.map(({ info }) => info) ?? [];
    proxy.dataPlane.setEndpoints("peer", []);
    proxy.dataPlane.setEndpoints("peer", infos);
  };
  for (let i = 0; i < 3; i++) await request();
  assert.deepEqual(handshakes("up"), [1, 2]);
  assert.deepEqual(handshakes("down"), [1, 2]);
  const renewed = keyPair(root, [idFor("app")]);
  const { secrets } = server.proxy.dataPlane;
  secrets.setCertificate("default", { chainPem: renewed.cert, keyPem: renewed.key });
  await request();
  assert.deepEqual(handshakes("up"), [2, 2]);
  assert.deepEqual(handshakes("down"), [2, 2]);
  assert.deepEqual(refusals(server.proxy), []);
});

test("an upstream with another identity is 503 UF, and both names are told", async (context) => {
  const { port, app } = await inbound(context);
  const { client, proxy } = await outbound(context, port, idFor("orders"), idFor("payments"));
  client.get();
  const response = await client.response();
  assert.equal(response.status, 503);
  assert.match(
    response.body,
    /the peer is spiffe:\/\/mesh.test\/ns\/shop\/sa\/app, expected spiffe:\/\/mesh.test\/ns\/shop\/sa\/orders or spiffe:\/\/mesh.test\/ns\/shop\/sa\/payments/,
  );
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="UF"'), 1);
  assert.equal(app.connections.length, 0);
});

test("an upstream that does not speak TLS is 503 UF, and the reason says so", async (context) => {
  const plain = await RawUpstream.start(context, {
    onHead: (_head, { socket }) => socket.end("HTTP/1.1 400 Bad\r\n\r\n"),
  });
  const { client } = await outbound(context, plain.port, idFor("app"));
  const waiting = client.get().response();
  await plain.until(() => plain.connections.length === 1);
  plain.connections[0]?.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  const response = await waiting;
  assert.equal(response.status, 503);
  assert.match(response.body, /TLS connection to the upstream failed: the peer does not speak TLS/);
});

test("before its certificate has arrived a cluster answers 503 and says so", async (context) => {
  const { port } = await inbound(context);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: "peer" }],
      [{ name: "peer", endpoints: [port], tls: upstreamTls(idFor("app")) }],
    ),
  );
  const client = await RawClient.connect(proxy.port());
  client.get();
  assert.match((await client.response()).body, /certificates have not arrived yet/);
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("web")]), [root]);
  client.get("/now");
  assert.equal((await client.response()).body, "/now");
  client.close();
});

test("a secret that cannot be used is refused, and the one before stays", async (context) => {
  const { proxy, port } = await inbound(context);
  const { secrets } = proxy.dataPlane;
  const [one, other] = [keyPair(root, [idFor("app")]), keyPair(root, [idFor("app")])];
  assert.throws(() => secrets.setCertificate("default", { chainPem: "no", keyPem: "no" }));
  // A key of another certificate.
  assert.throws(() => secrets.setCertificate("default", { chainPem: one.cert, keyPem: other.key }));
  const client = await RawClient.connectTls(port, keyPair(root, [idFor("web")]));
  client.get("/still");
  assert.equal((await client.response()).body, "/still");
  client.close();
});

const BROKEN: JsonObject = {
  common_tls_context: {
    tls_certificates: [
      { certificate_chain: { inline_string: "no" }, private_key: { inline_string: "no" } },
    ],
  },
};

test("a broken certificate of an upstream cluster fails requests, not the process", async (context) => {
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "peer" }], [{ name: "peer", endpoints: [1], tls: BROKEN }]),
  );
  const client = await RawClient.connect(proxy.port());
  client.get();
  const response = await client.response();
  assert.equal(response.status, 503);
  assert.match(response.body, /TLS connection to the upstream failed/);
  client.close();
});

test("a broken certificate of a listener keeps it from being bound", async (context) => {
  await assert.rejects(
    ProxyFixture.start(context, bootstrapOf([{ routes: "app", tls: BROKEN }], [])),
    /listener main: its certificate cannot be used/,
  );
});

test("certificates and roots change under load without a failed request", async (context) => {
  const nextRoot = rootOf("root B");
  const server = await inbound(context);
  const { proxy } = await outbound(context, server.port, idFor("app"));
  const planes = [server.proxy.dataPlane, proxy.dataPlane];
  let isDone = false;
  let count = 0;
  const work = async (index: number): Promise<void> => {
    while (!isDone) {
      const client = await RawClient.connect(proxy.port());
      for (let i = 0; i < 10; i++) {
        const path = `/${index}-${i}`;
        // Every few requests a new connection upstream, so that handshakes meet every state.
        client.get(path, i % 3 === 0 ? ["X-Close: yes"] : []);
        const response = await client.response();
        assert.equal(response.body, path);
        assert.equal(response.status, 200);
        count += 1;
      }
      client.close();
    }
  };
  const workers = Array.from({ length: 8 }, (_, index) => work(index));
  const reach = async (more: number): Promise<void> => {
    const goal = count + more;
    while (count < goal) await new Promise((resolve) => setImmediate(resolve));
  };
  const renew = (issuer: TestIssuer): void => {
    const [app, web] = [keyPair(issuer, [idFor("app")]), keyPair(issuer, [idFor("web")])];
    planes[0]?.secrets.setCertificate("default", { chainPem: app.cert, keyPem: app.key });
    planes[1]?.secrets.setCertificate("default", { chainPem: web.cert, keyPem: web.key });
    // The pool would hide what new handshakes do.
    const infos = proxy.dataPlane.clusters.get("peer")?.endpoints.map(({ info }) => info) ?? [];
    proxy.dataPlane.setEndpoints("peer", []);
    proxy.dataPlane.setEndpoints("peer", infos);
  };
  const trust = (roots: readonly TestIssuer[]): void => {
    for (const plane of planes) setRoots(plane, roots);
  };
  const steps = [
    () => renew(root),
    () => trust([root, nextRoot]),
    () => renew(nextRoot),
    () => trust([nextRoot]),
    () => renew(nextRoot),
  ];
  for (const step of steps) {
    await reach(60);
    step();
  }
  await reach(60);
  isDone = true;
  await Promise.all(workers);
  assert.ok(server.app.connections.length > 0);
  assert.deepEqual(refusals(server.proxy), []);
});
