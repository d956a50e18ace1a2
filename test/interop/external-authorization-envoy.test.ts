/** External authorization by gRPC, through our sidecar's process and through a real Envoy: what is asked, and what holds of the answer. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { CheckRequest } from "../../src/gen/envoy/service/auth/v3/external_auth_pb.js";
import {
  ALLOWED,
  type AuthorizationService,
  DENIED,
  type Decide,
  option,
  startAuthorizationService,
} from "../support/authorization-service.ts";
import { bothProxies, type StartProxy } from "../support/both-proxies.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { RawClient, type RawResponse } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { TYPE } from "../support/sample-parts.ts";

const onBoth = bothProxies(await envoyOrSkip());
const HTTP = `${TYPE}.extensions.filters.http`;
const PER_ROUTE = `${HTTP}.ext_authz.v3.ExtAuthzPerRoute`;

interface Fixture {
  readonly port: number;
  readonly app: RawUpstream;
  readonly service: AuthorizationService;
}

interface FixtureOptions {
  readonly filter?: JsonObject;
  readonly routes?: readonly JsonObject[];
  readonly before?: readonly JsonObject[];
  readonly behind?: readonly JsonObject[];
}

async function startPair(
  context: TestContext,
  start: StartProxy,
  decide: Decide,
  { filter = {}, routes = [routeTo("app")], before = [], behind = [] }: FixtureOptions = {},
): Promise<Fixture> {
  const app = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(`app got ${request.body.length}`, ["x-app: 1"]),
  });
  const service = await startAuthorizationService(context, decide);
  const typed_config = {
    "@type": `${HTTP}.ext_authz.v3.ExtAuthz`,
    transport_api_version: "V3",
    grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "10s" },
    ...filter,
  };
  const port = await start({
    clusters: [
      { name: "app", endpoints: [app.port] },
      { name: "authz", endpoints: [service.port], fields: HTTP2_CLUSTER },
    ],
    routes,
    manager: {
      http_filters: [
        ...before,
        { name: "envoy.filters.http.ext_authz", typed_config },
        ...behind,
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

function post(port: number, body: string): Promise<RawResponse> {
  return send(
    port,
    `POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

function httpOf(asked: CheckRequest | undefined) {
  const http = asked?.attributes?.request?.http;
  assert.ok(http !== undefined, "no question");
  return http;
}

onBoth(
  "the service is told the request, and every value of a field (T24)",
  async (context, start) => {
    const { port, service } = await startPair(context, start, () => ALLOWED);
    const answer = await get(port, "/items?a=1", "X-Role: user", "x-role: admin", "x-a_b: 1");
    assert.equal(answer.status, 200);
    const { attributes } = service.asked[0]!;
    const http = httpOf(service.asked[0]);
    assert.equal(http.method, "GET");
    assert.equal(http.path, "/items?a=1");
    assert.equal(http.host, "app");
    assert.equal(http.scheme, "http");
    assert.equal(http.protocol, "HTTP/1.1");
    const { headers } = http;
    assert.equal(headers["x-role"], "user,admin");
    assert.equal(headers["x-a_b"], "1");
    assert.equal(headers[":path"], "/items?a=1");
    assert.equal(headers[":method"], "GET");
    assert.equal(headers[":authority"], "app");
    assert.ok(headers["x-request-id"] !== undefined);
    const socket = attributes?.source?.address?.address;
    assert.equal(socket?.case === "socketAddress" && socket.value.address, "127.0.0.1");
    const own = attributes?.destination?.address?.address;
    assert.equal(own?.case === "socketAddress" && own.value.portSpecifier.value === port, true);
  },
);

onBoth(
  "fields come by themselves and with their bytes where that is wanted",
  async (context, start) => {
    const { port, service } = await startPair(context, start, () => ALLOWED, {
      filter: { encode_raw_headers: true },
    });
    await get(port, "/", "x-role: user", "x-role: adm\xefn");
    const http = httpOf(service.asked[0]);
    assert.deepEqual(http.headers, {});
    const values = http.headerMap?.headers.filter(({ key }) => key === "x-role");
    assert.deepEqual(
      values?.map(({ rawValue }) => Buffer.from(rawValue).toString("latin1")),
      ["user", "adm\xefn"],
    );
  },
);

onBoth("bytes that are no UTF-8 become !", async (context, start) => {
  const { port, service } = await startPair(context, start, () => ALLOWED);
  await get(port, "/", "x-role: adm\xefn");
  assert.equal(httpOf(service.asked[0]).headers["x-role"], "adm!n");
});

onBoth(
  "only listed fields are told, and none of those that are not to be",
  async (context, start) => {
    const filter = {
      allowed_headers: { patterns: [{ prefix: "x-" }] },
      disallowed_headers: { patterns: [{ exact: "x-secret" }] },
    };
    const { port, service } = await startPair(context, start, () => ALLOWED, { filter });
    await get(port, "/", "x-role: user", "x-secret: 1", "cookie: a=1");
    const names = Object.keys(httpOf(service.asked[0]).headers);
    assert.ok(names.includes("x-role"));
    for (const name of ["x-secret", "cookie", ":path"]) assert.ok(!names.includes(name), name);
  },
);

onBoth("a denial is the service's: status, fields and body", async (context, start) => {
  const { port, app } = await startPair(context, start, () => ({
    status: { code: 7 },
    httpResponse: {
      case: "deniedResponse",
      value: {
        status: { code: 401 },
        body: "who are you?",
        headers: [
          option("WWW-Authenticate", "Bearer"),
          option("set-cookie", "a=1"),
          option("set-cookie", "b=2"),
        ],
      },
    },
  }));
  const answer = await get(port, "/");
  assert.equal(answer.status, 401);
  assert.equal(answer.body, "who are you?");
  assert.equal(headerOf(answer, "www-authenticate"), "Bearer");
  assert.equal(headerOf(answer, "set-cookie"), "a=1,b=2");
  assert.equal(app.requests.length, 0);
});

onBoth("a denial without more is 403 without a body", async (context, start) => {
  const { port } = await startPair(context, start, () => DENIED);
  const answer = await get(port, "/");
  assert.equal(answer.status, 403);
  assert.equal(answer.body, "");
});

onBoth("the app gets the request as the service has changed it", async (context, start) => {
  const { port, app } = await startPair(context, start, () => ({
    status: { code: 0 },
    httpResponse: {
      case: "okResponse",
      value: {
        headers: [
          option("x-user", "alice", false),
          option("x-role", "admin", true),
          option("x-absent", "1", true),
          option("x-default", "new"),
        ],
        headersToRemove: ["authorization", "host", ":path"],
        queryParametersToSet: [{ key: "tenant", value: "blue" }],
        queryParametersToRemove: ["token"],
        responseHeadersToAdd: [
          option("x-answer", "1", false),
          option("x-app", "2"),
          option("x-more", "1", true),
        ],
      },
    },
  }));
  const answer = await get(
    port,
    "/items?token=t&a=1",
    ...[
      "x-user: mallory",
      "x-user: eve",
      "x-role: user",
      "x-default: old",
      "authorization: secret",
    ],
  );
  assert.equal(answer.status, 200);
  assert.equal(headerOf(answer, "x-answer"), "1");
  assert.equal(headerOf(answer, "x-app"), "1,2");
  assert.equal(headerOf(answer, "x-more"), "1");
  const [request] = app.requests;
  assert.ok(request !== undefined);
  assert.equal(headerOf(request, "x-user"), "alice");
  assert.equal(headerOf(request, "x-role"), "user,admin");
  assert.equal(headerOf(request, "x-default"), "new");
  assert.equal(headerOf(request, "x-absent"), undefined);
  assert.equal(headerOf(request, "authorization"), undefined);
  assert.equal(headerOf(request, "host"), "app");
  assert.equal(request.target, "/items?a=1&tenant=blue");
});

onBoth(
  "the route is chosen anew when the service has changed what it looks at",
  async (context, start) => {
    const blue = await RawUpstream.start(context, { onRequest: (asked) => asked.reply("blue") });
    const match = { prefix: "/", headers: [{ name: "x-tenant", string_match: { exact: "blue" } }] };
    const routes = [
      { match, direct_response: { status: 200, body: { inline_string: "blue" } } },
      routeTo("app"),
    ];
    const decide: Decide = () => ({
      status: { code: 0 },
      httpResponse: {
        case: "okResponse",
        value: { headers: [option("x-tenant", "blue", false)] },
      },
    });
    const { port } = await startPair(context, start, decide, {
      routes,
      filter: { clear_route_cache: true },
    });
    assert.equal((await get(port, "/")).body, "blue");
    const kept = await startPair(context, start, decide, { routes });
    assert.equal((await get(kept.port, "/")).body, "app got 0");
    assert.equal(blue.requests.length, 0);
  },
);

onBoth("no answer in time is 403, or another status, or nothing at all", async (context, start) => {
  const never: Decide = () => undefined;
  const grpc_service = { envoy_grpc: { cluster_name: "authz" }, timeout: "0.05s" };
  const closed = await startPair(context, start, never, { filter: { grpc_service } });
  assert.equal((await get(closed.port, "/")).status, 403);
  assert.equal(closed.app.requests.length, 0);
  const told = await startPair(context, start, never, {
    filter: { grpc_service, status_on_error: { code: "ServiceUnavailable" } },
  });
  assert.equal((await get(told.port, "/")).status, 503);
  const open = await startPair(context, start, never, {
    filter: { grpc_service, failure_mode_allow: true, failure_mode_allow_header_add: true },
  });
  assert.equal((await get(open.port, "/")).status, 200);
  assert.equal(headerOf(open.app.requests[0]!, "x-envoy-auth-failure-mode-allowed"), "true");
});

onBoth("a service that is gone has not answered", async (context, start) => {
  const { port, service } = await startPair(context, start, () => ALLOWED);
  assert.equal((await get(port, "/")).status, 200);
  service.stop();
  assert.equal((await get(port, "/")).status, 403);
});

onBoth("the service is told the body, and the app gets all of it", async (context, start) => {
  const { port, service } = await startPair(context, start, () => ALLOWED, {
    filter: { with_request_body: { max_request_bytes: 16 } },
  });
  const answer = await post(port, "0123456789");
  assert.equal(answer.body, "app got 10");
  const http = httpOf(service.asked[0]);
  assert.equal(http.body, "0123456789");
  assert.equal(http.headers["x-envoy-auth-partial-body"], "false");
  const tooLong = await post(port, "x".repeat(17));
  assert.equal(tooLong.status, 413);
  assert.equal(service.asked.length, 1);
});

onBoth("of a longer body the service is told the beginning", async (context, start) => {
  const { port, service } = await startPair(context, start, () => ALLOWED, {
    filter: {
      with_request_body: { max_request_bytes: 8, allow_partial_message: true, pack_as_bytes: true },
    },
  });
  const body = `\xff${"x".repeat(300_000)}`;
  assert.equal((await post(port, body)).body, `app got ${body.length}`);
  const http = httpOf(service.asked[0]);
  assert.equal(http.body, "");
  assert.equal(Buffer.from(http.rawBody).toString("latin1"), body.slice(0, 8));
  assert.equal(http.headers["x-envoy-auth-partial-body"], "true");
});

onBoth("routes turn it off, and tell the service of themselves", async (context, start) => {
  const routes = [
    {
      ...routeTo("app", {}, { prefix: "/public" }),
      typed_per_filter_config: {
        "envoy.filters.http.ext_authz": { "@type": PER_ROUTE, disabled: true },
      },
    },
    {
      ...routeTo("app", {}, { prefix: "/" }),
      typed_per_filter_config: {
        "envoy.filters.http.ext_authz": {
          "@type": PER_ROUTE,
          check_settings: { context_extensions: { route: "all" } },
        },
      },
    },
  ];
  const { port, service } = await startPair(context, start, () => DENIED, { routes });
  assert.equal((await get(port, "/public")).status, 200);
  assert.equal((await get(port, "/")).status, 403);
  assert.equal(service.asked.length, 1);
  assert.deepEqual(service.asked[0]?.attributes?.contextExtensions, { route: "all" });
});

onBoth("only requests that shadow rules have found are asked about", async (context, start) => {
  const rbac = {
    "@type": `${HTTP}.rbac.v3.RBAC`,
    shadow_rules: {
      action: "LOG",
      policies: {
        admin: {
          permissions: [{ url_path: { path: { prefix: "/admin" } } }],
          principals: [{ any: true }],
        },
      },
    },
    shadow_rules_stat_prefix: "custom_opa_",
  };
  const { port, service } = await startPair(context, start, () => DENIED, {
    before: [{ name: "envoy.filters.http.rbac", typed_config: rbac }],
    filter: {
      filter_enabled_metadata: {
        filter: "envoy.filters.http.rbac",
        path: [{ key: "custom_opa_shadow_effective_policy_id" }],
        value: { present_match: true },
      },
      metadata_context_namespaces: ["envoy.filters.http.rbac"],
    },
  });
  assert.equal((await get(port, "/items")).status, 200);
  assert.equal((await get(port, "/admin")).status, 403);
  assert.equal(service.asked.length, 1);
  const metadata = service.asked[0]?.attributes?.metadataContext?.filterMetadata;
  assert.equal(
    metadata?.["envoy.filters.http.rbac"]?.["custom_opa_shadow_effective_policy_id"],
    "admin",
  );
});

onBoth("what the service says for filters behind is theirs", async (context, start) => {
  const user = { name: "alice", groups: ["a", "b"], age: 7, ok: true, none: null };
  const metadata = (key: string, value: JsonObject): JsonObject => ({
    metadata: {
      filter: "envoy.filters.http.ext_authz",
      path: [{ key: "user" }, { key }],
      value,
    },
  });
  const ids = [
    metadata("name", { string_match: { exact: "alice" } }),
    metadata("groups", { list_match: { one_of: { string_match: { exact: "b" } } } }),
    metadata("age", { double_match: { exact: 7 } }),
    metadata("ok", { bool_match: true }),
    metadata("none", { null_match: {} }),
  ];
  const rules = {
    action: "ALLOW",
    policies: { all: { permissions: [{ any: true }], principals: [{ and_ids: { ids } }] } },
  };
  const behind = [{ name: "rbac", typed_config: { "@type": `${HTTP}.rbac.v3.RBAC`, rules } }];
  const answer = { status: { code: 0 }, dynamicMetadata: { user } };
  const taken = await startPair(context, start, () => answer, { behind });
  assert.equal((await get(taken.port, "/")).status, 200);
  const filter = { enable_dynamic_metadata_ingestion: false };
  const passedOver = await startPair(context, start, () => answer, { behind, filter });
  assert.equal((await get(passedOver.port, "/")).status, 403);
});
