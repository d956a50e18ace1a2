/** External authorization by HTTP, through our sidecar's process and through a real Envoy: what is asked, and what holds of the answer. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bothProxies, type StartProxy } from "../support/both-proxies.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { RawClient, type RawResponse } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream, type UpstreamRequest } from "../support/raw-upstream.ts";
import { TYPE } from "../support/sample-parts.ts";

const onBoth = bothProxies(await envoyOrSkip());
const HTTP = `${TYPE}.extensions.filters.http`;

interface Fixture {
  readonly port: number;
  readonly app: RawUpstream;
  readonly service: RawUpstream;
}

async function startPair(
  context: TestContext,
  start: StartProxy,
  onCheck: (request: UpstreamRequest) => void,
  http: JsonObject = {},
  filter: JsonObject = {},
): Promise<Fixture> {
  const app = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(`app got ${request.body.length}`, ["x-app: 1"]),
  });
  const service = await RawUpstream.start(context, { onRequest: onCheck });
  const typed_config = {
    "@type": `${HTTP}.ext_authz.v3.ExtAuthz`,
    transport_api_version: "V3",
    http_service: {
      server_uri: { uri: "http://authz", cluster: "authz", timeout: "10s" },
      ...http,
    },
    ...filter,
  };
  const port = await start({
    clusters: [
      { name: "app", endpoints: [app.port] },
      { name: "authz", endpoints: [service.port] },
    ],
    routes: [routeTo("app")],
    manager: {
      http_filters: [
        { name: "envoy.filters.http.ext_authz", typed_config },
        { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
      ],
    },
  });
  return { port, app, service };
}

async function send(port: number, text: string): Promise<RawResponse> {
  const client = await RawClient.connect(port);
  const answer = await client.send(text).response();
  client.close();
  return answer;
}

function get(port: number, path: string, ...lines: readonly string[]): Promise<RawResponse> {
  return send(port, `${[`GET ${path} HTTP/1.1`, "Host: app", ...lines].join("\r\n")}\r\n\r\n`);
}

function names(message: { readonly lines: readonly string[] }): readonly string[] {
  return message.lines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
}

const listed = (...exact: readonly string[]): JsonObject => ({
  patterns: exact.map((name) => ({ exact: name })),
});

onBoth("the service gets the request under a path of its own", async (context, start) => {
  const http = {
    path_prefix: "/check",
    authorization_request: {
      headers_to_add: [
        { key: "x-from", value: "mesh" },
        { key: "x-role", value: "none" },
      ],
    },
  };
  const filter = { allowed_headers: listed("x-role", "x-user") };
  const { port, service, app } = await startPair(
    context,
    start,
    (request) => request.reply(),
    http,
    filter,
  );
  const lines = ["x-role: admin", "x-user: a", "X-User: b", "cookie: c=1", "authorization: secret"];
  assert.equal((await get(port, "/items?a=1", ...lines)).status, 200);
  const [asked] = service.requests;
  assert.ok(asked !== undefined);
  assert.equal(asked.start, "GET /check/items?a=1 HTTP/1.1");
  assert.equal(headerOf(asked, "host"), "app");
  assert.equal(headerOf(asked, "authorization"), "secret");
  assert.equal(headerOf(asked, "x-from"), "mesh");
  assert.equal(headerOf(asked, "x-role"), "none");
  assert.equal(headerOf(asked, "x-user"), "a,b");
  assert.equal(headerOf(asked, "content-length"), "0");
  assert.ok(!names(asked).includes("cookie"));
  assert.equal(headerOf(app.requests[0]!, "x-role"), "admin");
});

onBoth(
  "fields of its answer go to the app and to the client, as listed",
  async (context, start) => {
    const { port, app } = await startPair(
      context,
      start,
      (request) =>
        request.reply("", [
          ...["x-user: alice", "x-role: admin", "x-secret: 1", "x-told: 1", "set-cookie: a=1"],
          "x-envoy-auth-headers-to-remove: authorization, x-gone",
        ]),
      {
        authorization_response: {
          allowed_upstream_headers: listed("x-user"),
          allowed_upstream_headers_to_append: listed("x-role"),
          allowed_client_headers_on_success: listed("x-told", "set-cookie"),
        },
      },
    );
    const lines = ["x-user: eve", "x-role: user", "x-gone: 1", "authorization: secret"];
    const answer = await get(port, "/", ...lines);
    assert.equal(answer.status, 200);
    assert.equal(headerOf(answer, "x-told"), "1");
    assert.equal(headerOf(answer, "set-cookie"), "a=1");
    assert.equal(headerOf(answer, "x-secret"), undefined);
    const [request] = app.requests;
    assert.ok(request !== undefined);
    assert.equal(headerOf(request, "x-user"), "alice");
    assert.equal(headerOf(request, "x-role"), "user,admin");
    for (const name of ["x-gone", "authorization", "x-secret", "x-envoy-auth-headers-to-remove"]) {
      assert.ok(!names(request).includes(name), name);
    }
  },
);

onBoth("a denial goes to the client as it is", async (context, start) => {
  const { port, app } = await startPair(context, start, (request) =>
    request.reply(
      "sign in",
      ["location: /login", "x-why: 1", "set-cookie: a=1", "set-cookie: b=2"],
      "302 Found",
    ),
  );
  const answer = await get(port, "/");
  assert.equal(answer.status, 302);
  assert.equal(answer.body, "sign in");
  assert.equal(headerOf(answer, "location"), "/login");
  assert.equal(headerOf(answer, "x-why"), "1");
  assert.equal(headerOf(answer, "set-cookie"), "a=1,b=2");
  assert.equal(app.requests.length, 0);
});

onBoth("of a denial only listed fields go to the client", async (context, start) => {
  const http = { authorization_response: { allowed_client_headers: listed("x-why") } };
  const { port } = await startPair(
    context,
    start,
    (request) =>
      request.reply(
        "no",
        ["x-why: 1", "x-secret: 1", "www-authenticate: Basic"],
        "401 Unauthorized",
      ),
    http,
  );
  const answer = await get(port, "/");
  assert.equal(answer.status, 401);
  assert.equal(headerOf(answer, "x-why"), "1");
  assert.equal(headerOf(answer, "www-authenticate"), "Basic");
  assert.equal(headerOf(answer, "x-secret"), undefined);
});

onBoth(
  "5xx is no answer, and no other status than 200 lets a request pass",
  async (context, start) => {
    let status = "500 Broken";
    const { port, app } = await startPair(context, start, (request) =>
      request.reply("", [], status),
    );
    assert.equal((await get(port, "/")).status, 403);
    status = "201 Created";
    assert.equal((await get(port, "/")).status, 201);
    assert.equal(app.requests.length, 0);
  },
);

onBoth("no answer in time is 403, or none is needed", async (context, start) => {
  const server_uri = { uri: "http://authz", cluster: "authz", timeout: "0.05s" };
  const closed = await startPair(context, start, () => {}, { server_uri });
  assert.equal((await get(closed.port, "/")).status, 403);
  const open = await startPair(
    context,
    start,
    () => {},
    { server_uri },
    { failure_mode_allow: true },
  );
  assert.equal((await get(open.port, "/")).status, 200);
});

onBoth("the service gets the body where it is told", async (context, start) => {
  const { port, service } = await startPair(
    context,
    start,
    (request) => request.reply(),
    {},
    { with_request_body: { max_request_bytes: 8, allow_partial_message: true } },
  );
  const body = "0123456789";
  const answer = await send(
    port,
    `POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\n${body}`,
  );
  assert.equal(answer.body, "app got 10");
  const [asked] = service.requests;
  assert.equal(asked?.start, "POST / HTTP/1.1");
  assert.equal(asked?.body, "01234567");
  assert.equal(headerOf(asked!, "x-envoy-auth-partial-body"), "true");
  assert.equal(headerOf(asked!, "content-length"), "8");
});

onBoth("a client that waits for 100 Continue is told to go on", async (context, start) => {
  const { port } = await startPair(
    context,
    start,
    (request) => request.reply(),
    {},
    { with_request_body: { max_request_bytes: 100 } },
  );
  const client = await RawClient.connect(port);
  client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  await client.take(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  const answer = await client.send("body").response();
  assert.equal(answer.body, "app got 4");
  client.close();
});
