/** gRPC as far as the exchange knows it: answers of the proxy's own, retries by status, and what is told of it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf, type RawMessage } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

async function setUp(context: TestContext, action: JsonObject = {}) {
  const upstream = await RawUpstream.start(context);
  const routes = [
    {
      match: { prefix: "/forbidden" },
      direct_response: { status: 403, body: { inline_string: "50 % off\nür dich" } },
    },
    { match: { prefix: "/moved" }, redirect: { path_redirect: "/new" } },
    routeTo("app", action, { prefix: "/app" }),
    routeTo("nowhere", {}, { prefix: "/nowhere" }),
  ];
  const clusters = [
    { name: "app", endpoints: [upstream.port] },
    { name: "nowhere", endpoints: [] },
  ];
  const proxy = await ProxyFixture.start(context, bootstrapOf([{ routes }], clusters));
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  return { upstream, proxy, client };
}

function call(client: RawClient, path: string, type = "application/grpc"): Promise<RawMessage> {
  client.send(
    `POST ${path} HTTP/1.1\r\nHost: app\r\nContent-Type: ${type}\r\nTE: trailers\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0`,
  );
  return client.response();
}

function grpcSeries(proxy: ProxyFixture, code: number, status: number, flag: string): number {
  const labels = [
    'request_protocol="grpc"',
    `response_code="${code}"`,
    `grpc_response_status="${status}"`,
    `response_flags="${flag}"`,
  ];
  return proxy.metric("istio_requests_total", ...labels);
}

for (const type of ["application/grpc", "application/grpc+proto"]) {
  test(`a local reply to ${type} is 200 with a status of gRPC and no body`, async (context) => {
    const { client, proxy } = await setUp(context);
    for (const [path, status, message, flag] of [
      ["/nowhere", 14, /^no healthy upstream: the service has no instance/, "UH"],
      ["/unknown", 12, /^no route matches this request; check the host, path/, "NR"],
    ] as const) {
      const answer = await call(client, path, type);
      assert.equal(answer.start, "HTTP/1.1 200 OK");
      assert.equal(headerOf(answer, "content-type"), "application/grpc");
      assert.equal(headerOf(answer, "grpc-status"), String(status));
      assert.match(headerOf(answer, "grpc-message") ?? "", message);
      assert.equal(headerOf(answer, "content-length"), "0");
      assert.equal(grpcSeries(proxy, 200, status, flag), 1);
    }
  });
}

test("a route's own answers are told in gRPC, too, their text percent-encoded", async (context) => {
  const { client } = await setUp(context);
  const answer = await call(client, "/forbidden");
  assert.equal(headerOf(answer, "grpc-status"), "7");
  assert.equal(headerOf(answer, "grpc-message"), "50 %25 off%0A%C3%BCr dich");
  assert.equal(headerOf(await call(client, "/moved"), "grpc-status"), "2");
});

test("gRPC-Web and other methods get plain HTTP", async (context) => {
  const { client, proxy } = await setUp(context);
  const web = await call(client, "/nowhere", "application/grpc-web");
  assert.equal(web.start, "HTTP/1.1 503 Service Unavailable");
  client.get("/nowhere", ["Content-Type: application/grpc"]);
  assert.equal((await client.response()).status, 503);
  assert.equal(proxy.metric("istio_requests_total", 'request_protocol="http"'), 2);
  assert.equal(proxy.metrics("grpc_response_status").length, 0);
});

const CHUNKED =
  "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n";

test("the status is counted from trailers, from a head without body, or from HTTP's", async (context) => {
  const { client, upstream, proxy } = await setUp(context);
  for (const [answer, code, status] of [
    [`${CHUNKED}\r\n5\r\n\0\0\0\0\0\r\n0\r\nGrpc-Status: 5\r\n\r\n`, 200, 5],
    ["HTTP/1.1 200 OK\r\nGrpc-Status: 0\r\nContent-Length: 0\r\n\r\n", 200, 0],
    ["HTTP/1.1 401 U\r\nContent-Length: 0\r\n\r\n", 401, 16],
    [`${CHUNKED}\r\n0\r\nGrpc-Status: 77\r\n\r\n`, 200, 2],
  ] as const) {
    const answered = call(client, "/app");
    (await upstream.next()).connection.send(answer);
    await answered;
    assert.equal(grpcSeries(proxy, code, status, "-"), 1, answer);
  }
});

test("a status of gRPC is retried where the route says so, with its body", async (context) => {
  const policy = {
    retry_on: "unavailable",
    retry_back_off: { base_interval: "0.001s" },
  };
  const { client, upstream, proxy } = await setUp(context, { retry_policy: policy });
  const answered = call(client, "/app");
  const trailersOnly = (status: number): string =>
    `HTTP/1.1 200 OK\r\nGrpc-Status: ${status}\r\nContent-Length: 0\r\n\r\n`;
  (await upstream.next()).connection.send(trailersOnly(14));
  const again = await upstream.next();
  assert.equal(again.body, "\0\0\0\0\0");
  again.connection.send(trailersOnly(0));
  assert.equal(headerOf(await answered, "grpc-status"), "0");
  assert.equal(proxy.metric("tulle_upstream_retries_total"), 1);
});
