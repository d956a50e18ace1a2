/** gRPC-Web through the sidecar: what a browser sends and reads, byte by byte. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf, type RawMessage } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters.http";
const FILTERS = [
  {
    name: "envoy.filters.http.grpc_web",
    typed_config: { "@type": `${TYPES}.grpc_web.v3.GrpcWeb` },
  },
  { name: "envoy.filters.http.router", typed_config: { "@type": `${TYPES}.router.v3.Router` } },
];

async function setUp(context: TestContext) {
  const upstream = await RawUpstream.start(context);
  const routes = [routeTo("app", {}, { prefix: "/app" }), routeTo("none", {}, { prefix: "/none" })];
  const clusters = [
    { name: "app", endpoints: [upstream.port] },
    { name: "none", endpoints: [] },
  ];
  const manager = { http_filters: FILTERS };
  const proxy = await ProxyFixture.start(context, bootstrapOf([{ routes, manager }], clusters));
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { upstream, proxy, client };
}

function call(client: RawClient, path: string, type: string, body: string, accept = "*/*"): void {
  client.send(
    `POST ${path} HTTP/1.1\r\nHost: app\r\nContent-Type: ${type}\r\nAccept: ${accept}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

function frame(body: string, flags = 0): string {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(body.length, 1);
  return head.toString("latin1") + body;
}

const chunk = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n`;
const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");
const HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";
const TRAILERS = "0\r\nGrpc-Status: 5\r\nGrpc-Message: not here\r\n\r\n";
const TRAILER_FRAME = frame("grpc-status: 5\r\ngrpc-message: not here\r\n", 0x80);

function assertGrpcRequest(request: RawMessage, type: string, body: string): void {
  assert.equal(headerOf(request, "content-type"), type);
  assert.equal(headerOf(request, "te"), "trailers");
  assert.equal(request.body, body);
}

test("the binary form: the body stays, the trailers become its last frame", async (context) => {
  const { client, upstream, proxy } = await setUp(context);
  call(client, "/app", "application/grpc-web+proto", frame("hello"));
  const request = await upstream.next();
  assertGrpcRequest(request, "application/grpc+proto", frame("hello"));
  request.connection.send(HEAD + chunk(frame("one")) + chunk(frame("two")) + TRAILERS);
  const answer = await client.response();
  assert.equal(headerOf(answer, "content-type"), "application/grpc-web+proto");
  assert.equal(answer.body, frame("one") + frame("two") + TRAILER_FRAME);
  assert.deepEqual(answer.trailers, []);
  const labels = ['request_protocol="grpc"', 'grpc_response_status="5"'];
  assert.equal(proxy.metric("istio_requests_total", ...labels), 1);
});

test("the text form: base64 both ways, each frame by itself", async (context) => {
  const { client, upstream } = await setUp(context);
  call(client, "/app", "application/grpc-web-text", base64(frame("a")) + base64(frame("bc")));
  const request = await upstream.next();
  assertGrpcRequest(request, "application/grpc", frame("a") + frame("bc"));
  assert.equal(headerOf(request, "content-length"), undefined);
  request.connection.send(HEAD + chunk(frame("one").slice(0, 3)) + chunk(frame("one").slice(3)));
  request.connection.send(TRAILERS);
  const answer = await client.response();
  assert.equal(headerOf(answer, "content-type"), "application/grpc-web-text+proto");
  assert.equal(answer.body, base64(frame("one")) + base64(TRAILER_FRAME));
});

test("Accept decides about the form of the answer", async (context) => {
  const { client, upstream } = await setUp(context);
  call(client, "/app", "application/grpc-web", frame("a"), "application/grpc-web-text");
  (await upstream.next()).connection.send(HEAD + TRAILERS);
  const answer = await client.response();
  assert.equal(answer.body, base64(TRAILER_FRAME));
});

test("an answer that is only a head stays one, whoever gives it", async (context) => {
  const { client, upstream } = await setUp(context);
  call(client, "/none", "application/grpc-web", frame("a"));
  const own = await client.response();
  assert.equal(own.start, "HTTP/1.1 200 OK");
  assert.equal(headerOf(own, "content-type"), "application/grpc-web+proto");
  assert.equal(headerOf(own, "grpc-status"), "14");
  assert.equal(own.body, "");
  call(client, "/app", "application/grpc-web", frame("a"));
  (await upstream.next()).connection.send(
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nGrpc-Status: 7\r\nContent-Length: 0\r\n\r\n",
  );
  const theirs = await client.response();
  assert.equal(headerOf(theirs, "content-type"), "application/grpc-web+proto");
  assert.equal(headerOf(theirs, "grpc-status"), "7");
});

test("what is not gRPC's passes as it is", async (context) => {
  const { client, upstream } = await setUp(context);
  call(client, "/app", "application/grpc-web-text", base64(frame("a")));
  (await upstream.next()).reply("<p>login</p>", ["content-type: text/html"], "401 Unauthorized");
  const answer = await client.response();
  assert.equal(headerOf(answer, "content-type"), "text/html");
  assert.equal(answer.body, "<p>login</p>");
  call(client, "/app", "application/json", "{}");
  const plain = await upstream.next();
  assert.equal(headerOf(plain, "content-type"), "application/json");
  assert.equal(headerOf(plain, "te"), undefined);
});

for (const body of ["ab!=", "abc"]) {
  test(`a text body that is no base64 is refused: ${body}`, async (context) => {
    const { client, upstream } = await setUp(context);
    call(client, "/app", "application/grpc-web-text", body);
    const answer = await client.response();
    assert.equal(headerOf(answer, "grpc-status"), "13");
    assert.match(headerOf(answer, "grpc-message") ?? "", /no base64/);
    assert.equal(upstream.requests.length, 0);
  });
}
