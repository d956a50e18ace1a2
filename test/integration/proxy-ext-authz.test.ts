/** External authorization at the sidecar: all versions of HTTP, bodies that do not come, clients that leave, and what is refused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp1 } from "node:http";
import { connect as connectHttp2, createServer as createHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { EXT_AUTHZ_BODY_IDLE_MS } from "../../src/core/limits.ts";
import {
  ALLOWED,
  type AuthorizationService,
  type CheckAnswer,
  DENIED,
  type Decide,
  option,
  startAuthorizationService,
} from "../support/authorization-service.ts";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { TYPE } from "../support/sample-parts.ts";

const HTTP = `${TYPE}.extensions.filters.http`;
type Version = "HTTP/1.1" | "HTTP/2";

interface App {
  readonly port: number;
  /** Requests that came, with the bytes of their bodies. */
  readonly requests: {
    readonly url: string | undefined;
    readonly headers: Readonly<Record<string, unknown>>;
    bytes: number;
  }[];
}

async function startApp(context: TestContext, version: Version): Promise<App> {
  const requests: App["requests"] = [];
  // Both have the same events.
  const server = (version === "HTTP/2" ? createHttp2() : createHttp1()) as ReturnType<
    typeof createHttp1
  >;
  server.on("request", async (request, response) => {
    const seen = { url: request.url, headers: request.headers, bytes: 0 };
    requests.push(seen);
    for await (const part of request) seen.bytes += (part as Buffer).length;
    response.end(String(seen.bytes));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, requests };
}

interface Fixture {
  readonly proxy: ProxyFixture;
  readonly app: App;
  readonly service: AuthorizationService;
}

interface FixtureOptions {
  readonly filter?: JsonObject;
  readonly upstream?: Version;
  readonly clock?: ManualClock;
}

function bootstrap(appPort: number, servicePort: number, filter: JsonObject, app: JsonObject) {
  const typed_config = {
    "@type": `${HTTP}.ext_authz.v3.ExtAuthz`,
    transport_api_version: "V3",
    stat_prefix: "opa",
    grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "30s" },
    ...filter,
  };
  const manager = {
    http_filters: [
      { name: "envoy.filters.http.ext_authz", typed_config },
      { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
    ],
  };
  return bootstrapOf(
    [{ routes: [routeTo("app")], manager }],
    [
      { name: "app", endpoints: [appPort], fields: app },
      { name: "authz", endpoints: [servicePort], fields: HTTP2_CLUSTER },
    ],
  );
}

async function setUp(
  context: TestContext,
  decide: Decide,
  { filter = {}, upstream = "HTTP/1.1", clock }: FixtureOptions = {},
): Promise<Fixture> {
  const app = await startApp(context, upstream);
  const service = await startAuthorizationService(context, decide);
  const fields = upstream === "HTTP/2" ? HTTP2_CLUSTER : {};
  const proxy = await ProxyFixture.start(
    context,
    bootstrap(app.port, service.port, filter, fields),
    clock === undefined ? {} : { clock },
  );
  return { proxy, app, service };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function sendHttp2(port: number, headers: object, body?: string): Promise<Answer> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  try {
    const stream = session.request({ ":path": "/", ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [head] = await once(stream, "response");
    let text = "";
    for await (const part of stream) text += String(part);
    return { status: head[":status"], body: text, headers: head };
  } finally {
    session.destroy();
  }
}

const VERSIONS: readonly Version[] = ["HTTP/1.1", "HTTP/2"];

for (const client of VERSIONS) {
  for (const upstream of VERSIONS) {
    test(`T24: every value is told, ${client} to ${upstream}`, async (context) => {
      const decide: Decide = (asked) => {
        const roles = asked.attributes?.request?.http?.headers["x-role"] ?? "";
        return roles.split(",").includes("guest") ? DENIED : ALLOWED;
      };
      const { proxy, app, service } = await setUp(context, decide, { upstream });
      const port = proxy.port("main");
      const send = async (roles: readonly string[]): Promise<number> => {
        if (client === "HTTP/2") return (await sendHttp2(port, { "x-role": roles })).status;
        const raw = await RawClient.connect(port);
        const { status } = await raw
          .get(
            "/",
            roles.map((role) => `X-Role: ${role}`),
          )
          .response();
        raw.close();
        return status;
      };
      assert.equal(await send(["staff", "admin"]), 200);
      assert.equal(await send(["staff", "guest"]), 403);
      assert.equal(await send(["guest", "staff"]), 403);
      assert.equal(app.requests.length, 1);
      const [first] = service.asked;
      assert.equal(first?.attributes?.request?.http?.headers["x-role"], "staff,admin");
      assert.equal(first?.attributes?.request?.http?.protocol, client);
      assert.equal(proxy.metric("tulle_ext_authz_checks_total", 'result="denied"'), 2);
    });

    test(`a body is told and goes on whole, ${client} to ${upstream}`, async (context) => {
      const { proxy, app, service } = await setUp(context, () => ALLOWED, {
        upstream,
        filter: { with_request_body: { max_request_bytes: 100_000, allow_partial_message: true } },
      });
      const body = "x".repeat(1_000_000);
      const port = proxy.port("main");
      const answer =
        client === "HTTP/2"
          ? await sendHttp2(port, { ":method": "POST" }, body)
          : await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
      assert.equal(answer.status, 200);
      assert.equal(app.requests[0]?.bytes, body.length);
      const http = service.asked[0]?.attributes?.request?.http;
      assert.equal(http?.body, body.slice(0, 100_000));
      assert.equal(http?.headers["x-envoy-auth-partial-body"], "true");
    });
  }
}

test("too much of a body is 413 over HTTP/2, and its connection lives on", async (context) => {
  const { proxy, app, service } = await setUp(context, () => ALLOWED, {
    filter: { with_request_body: { max_request_bytes: 10 } },
  });
  const session = connectHttp2(`http://127.0.0.1:${proxy.port("main")}`);
  context.after(() => session.destroy());
  for (const [body, wanted] of [
    ["x".repeat(11), 413],
    ["x".repeat(10), 200],
    ["x".repeat(500_000), 413],
  ] as const) {
    const stream = session.request({ ":path": "/", ":method": "POST" });
    stream.on("error", () => {});
    stream.end(body);
    const [head] = await once(stream, "response");
    assert.equal(head[":status"], wanted);
    stream.close();
  }
  assert.equal(service.asked.length, 1);
  assert.equal(app.requests.length, 1);
});

test("a client that leaves takes its question back", async (context) => {
  const { proxy, app, service } = await setUp(context, () => undefined);
  const client = await RawClient.connect(proxy.port("main"));
  client.get("/");
  while (service.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  client.socket.resetAndDestroy();
  await service.cancelled();
  assert.equal(app.requests.length, 0);
  assert.equal(proxy.metric("tulle_ext_authz_checks_total", 'result="error"'), 0);
});

test("a body that does not come is waited for no longer than a stream may be idle", async (context) => {
  const clock = new ManualClock();
  const { proxy, service } = await setUp(context, () => ALLOWED, {
    clock,
    filter: { with_request_body: { max_request_bytes: 100 } },
  });
  const client = await RawClient.connect(proxy.port("main"));
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nx");
  const answered = client.response();
  let isAnswered = false;
  void answered.then(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    await clock.advance(EXT_AUTHZ_BODY_IDLE_MS / 10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await answered).status, 408);
  assert.equal(service.asked.length, 0);
  client.close();
});

test("a tunnel is asked about before it opens", async (context) => {
  const { proxy, app } = await setUp(context, () => DENIED, {
    filter: { with_request_body: { max_request_bytes: 100 } },
  });
  const client = await RawClient.connect(proxy.port("main"));
  const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAA"];
  const { status } = await client.get("/", upgrade).response();
  assert.notEqual(status, 101);
  assert.equal(app.requests.length, 0);
  client.close();
});

test("a share of requests is asked about, and others pass or are denied", async (context) => {
  const filter_enabled = { default_value: { numerator: 0 } };
  const passing = await setUp(context, () => DENIED, { filter: { filter_enabled } });
  const ask = async ({ proxy }: Fixture): Promise<number> =>
    (await fetch(`http://127.0.0.1:${proxy.port("main")}/`)).status;
  assert.equal(await ask(passing), 200);
  assert.equal(passing.proxy.metric("tulle_ext_authz_checks_total", 'result="disabled"'), 1);
  const filter = { filter_enabled, deny_at_disable: { default_value: true } };
  assert.equal(await ask(await setUp(context, () => ALLOWED, { filter })), 403);
});

test("what would break a message is not taken from a service", async (context) => {
  let headers = [option("x-user", "a\r\nx-admin: 1")];
  const { proxy, app } = await setUp(
    context,
    (): CheckAnswer => ({
      status: { code: 0 },
      httpResponse: { case: "okResponse", value: { headers } },
    }),
  );
  const client = await RawClient.connect(proxy.port("main"));
  const invalid = await client.get("/").response();
  assert.equal(invalid.status, 500);
  assert.match(invalid.body, /malformed header fields/);
  assert.equal(app.requests.length, 0);
  headers = [
    ...["content-length", "transfer-encoding", "connection", "host", ":path", ":authority"],
  ].map((name) => option(name, "7"));
  const kept = await client.get("/").response();
  assert.equal(kept.status, 200);
  assert.equal(headerOf(kept, "content-length"), "1");
  assert.equal(app.requests[0]?.headers["host"], "app");
  assert.equal(proxy.metric("tulle_ext_authz_checks_total", 'result="invalid"'), 1);
  client.close();
});

test("query parameters of a service stand in the target as it wants them", async (context) => {
  const { proxy, app } = await setUp(
    context,
    (): CheckAnswer => ({
      status: { code: 0 },
      httpResponse: {
        case: "okResponse",
        value: { queryParametersToSet: [{ key: "to", value: "a&b=c d" }] },
      },
    }),
  );
  const answer = await fetch(`http://127.0.0.1:${proxy.port("main")}/x`);
  assert.equal(answer.status, 200);
  assert.equal(app.requests[0]?.url, "/x?to=a%26b%3Dc%20d");
});

test("the log says why there was no answer, a stranger's answer does not", async (context) => {
  const { proxy, service } = await setUp(context, () => ALLOWED);
  service.stop();
  const answer = await fetch(`http://127.0.0.1:${proxy.port("main")}/`);
  assert.equal(answer.status, 403);
  assert.equal(
    await answer.text(),
    "access denied: the external authorization service could not be asked\n",
  );
});

test("wrong settings are refused by their path", async (context) => {
  const refused = async (filter: JsonObject, wanted: RegExp): Promise<void> => {
    const started = ProxyFixture.start(context, bootstrap(1, 2, filter, {}));
    await assert.rejects(started, wanted);
  };
  await refused({ transport_api_version: "V2" }, /only V3[\s\S]*transport_api_version/);
  await refused({ grpc_service: { envoy_grpc: {} } }, /is required[\s\S]*envoy_grpc\.cluster_name/);
  await refused({ with_request_body: {} }, /must be from 1 to[\s\S]*max_request_bytes/);
  await refused({ allowed_headers: {} }, /at least one[\s\S]*allowed_headers\.patterns/);
});
