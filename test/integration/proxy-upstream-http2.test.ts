/** Clusters that speak HTTP/2, with Node's own server as the peer: what is shared, negotiated and let go. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  connect,
  createSecureServer,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, type ClusterSpec } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";

interface Held {
  readonly request: Http2ServerRequest;
  readonly response: Http2ServerResponse;
}

/** Holds each request until the test answers it. */
class Peer {
  readonly port: number;
  readonly sessions: Http2Session[] = [];
  readonly #held: Held[] = [];
  readonly #waiting: ((held: Held) => void)[] = [];

  private constructor(server: Server) {
    this.port = (server.address() as AddressInfo).port;
    server.on("session", (session: Http2Session) => {
      this.sessions.push(session);
      session.on("error", () => {});
      session.once("close", () => this.sessions.splice(this.sessions.indexOf(session), 1));
    });
    server.on("request", (request: Http2ServerRequest, response: Http2ServerResponse) => {
      const held = { request, response };
      const next = this.#waiting.shift();
      if (next === undefined) this.#held.push(held);
      else next(held);
    });
  }

  static async start(context: TestContext, server: Server): Promise<Peer> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const peer = new Peer(server);
    context.after(() => {
      for (const session of [...peer.sessions]) session.destroy();
      server.close();
    });
    return peer;
  }

  async next(): Promise<Held> {
    return this.#held.shift() ?? new Promise<Held>((resolve) => this.#waiting.push(resolve));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }
}

function spoken(choice: JsonObject): JsonObject {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    typed_extension_protocol_options: {
      [type]: { "@type": `type.googleapis.com/${type}`, ...choice },
    },
  };
}

const HTTP2 = spoken({ explicit_http_config: { http2_protocol_options: {} } });
/** TLS without any check: this is about what is spoken. */
const TLS: JsonObject = { common_tls_context: {} };

function certificate() {
  return keyPair(rootOf(), [idFor("app")]);
}

async function proxyTo(context: TestContext, cluster: Omit<ClusterSpec, "name">) {
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes: "app" }], [{ name: "app", ...cluster }]),
  );
  const client = async (): Promise<RawClient> => {
    const raw = await RawClient.connect(proxy.port());
    context.after(() => raw.close());
    return raw;
  };
  const endpoint = proxy.dataPlane.clusters.get("app")?.endpoints[0];
  assert.ok(endpoint);
  return { proxy, client, endpoint };
}

test("requests of many clients share one connection, by prior knowledge", async (context) => {
  const peer = await Peer.start(context, createServer());
  const { client, endpoint } = await proxyTo(context, { endpoints: [peer.port], fields: HTTP2 });
  const clients = await Promise.all(Array.from({ length: 8 }, client));
  for (const [index, one] of clients.entries()) one.get(`/${index}`);
  for (let i = 0; i < clients.length; i++) {
    const { request, response } = await peer.next();
    assert.equal(request.httpVersion, "2.0");
    response.end(request.url);
  }
  for (const [index, one] of clients.entries()) {
    assert.equal((await one.response()).body, `/${index}`);
  }
  assert.equal(peer.sessions.length, 1);
  assert.equal(endpoint.connectionCount, 1);
  assert.equal(endpoint.activeRequests, 0);
});

test("the handshake decides where it is to", async (context) => {
  const { cert, key } = certificate();
  const fields = spoken({ auto_config: {} });
  for (const [version, server] of [
    ["2.0", createSecureServer({ cert, key, allowHTTP1: true })],
    ["1.1", createHttpsServer({ cert, key })],
  ] as const) {
    const peer = await Peer.start(context, server);
    const { client } = await proxyTo(context, { endpoints: [peer.port], fields, tls: TLS });
    const one = await client();
    one.get();
    const { request, response } = await peer.next();
    assert.equal(request.httpVersion, version);
    response.end("fine");
    assert.equal((await one.response()).body, "fine");
    one.close();
  }
});

test("each client's version goes upstream where the cluster says so", async (context) => {
  const { cert, key } = certificate();
  const peer = await Peer.start(context, createSecureServer({ cert, key, allowHTTP1: true }));
  const fields = spoken({ use_downstream_protocol_config: {} });
  const { proxy, client } = await proxyTo(context, { endpoints: [peer.port], fields, tls: TLS });
  const one = await client();
  one.get();
  const older = await peer.next();
  assert.equal(older.request.httpVersion, "1.1");
  older.response.end();
  await one.response();
  const session = connect(`http://127.0.0.1:${proxy.port()}`);
  context.after(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  stream.resume();
  const newer = await peer.next();
  assert.equal(newer.request.httpVersion, "2.0");
  newer.response.end();
  await once(stream, "end");
});

test("a peer that goes away gets nothing more, and finishes what it has", async (context) => {
  const peer = await Peer.start(context, createServer());
  const { client, endpoint } = await proxyTo(context, { endpoints: [peer.port], fields: HTTP2 });
  const [a, b] = [await client(), await client()];
  a.get("/a");
  const first = await peer.next();
  const [old] = peer.sessions;
  // Answered before the next request is sent, so that the proxy has read the GOAWAY in front of it.
  old?.close();
  first.response.writeHead(200, { "content-length": "4" });
  first.response.write("ha");
  await a.text(/ha$/);
  b.get("/b");
  const second = await peer.next();
  assert.equal(peer.sessions.length, 2);
  first.response.end("lf");
  second.response.end("whole");
  assert.equal((await b.response()).body, "whole");
  await peer.until(() => peer.sessions.length === 1);
  await peer.until(() => endpoint.connectionCount === 1);
});

test("an endpoint that leaves lets its connection finish", async (context) => {
  const peer = await Peer.start(context, createServer());
  const { client, proxy } = await proxyTo(context, { endpoints: [peer.port], fields: HTTP2 });
  const one = await client();
  one.get();
  const { response } = await peer.next();
  proxy.dataPlane.setEndpoints("app", []);
  response.end("done");
  assert.equal((await one.response()).body, "done");
  await peer.until(() => peer.sessions.length === 0);
});

test("more than the peer takes at a time waits, or goes onto another connection", async (context) => {
  const server = createServer({ settings: { maxConcurrentStreams: 2 } });
  const peer = await Peer.start(context, server);
  const { client, endpoint } = await proxyTo(context, {
    endpoints: [peer.port],
    fields: { ...HTTP2, circuit_breakers: { thresholds: [{ max_connections: 1 }] } },
  });
  const first = await client();
  first.get();
  (await peer.next()).response.end();
  await first.response();
  const clients = await Promise.all(Array.from({ length: 3 }, client));
  for (const one of clients) one.get();
  const [a, b] = [await peer.next(), await peer.next()];
  await peer.until(() => endpoint.waitingCount === 1);
  a.response.end();
  b.response.end();
  (await peer.next()).response.end();
  for (const one of clients) assert.equal((await one.response()).status, 200);
  assert.equal(peer.sessions.length, 1);
});
