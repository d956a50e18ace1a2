/** Local rate limits in a real sidecar: who is counted together, what clients are told, what is kept over updates. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient, type RawResponse } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters.http";
const NAME = "envoy.filters.http.local_ratelimit";
const ALWAYS = { default_value: { numerator: 100 } };
/** One token an hour: within a test none comes back. */
const bucket = (max_tokens: number): JsonObject => ({
  max_tokens,
  tokens_per_fill: 1,
  fill_interval: "3600s",
});

function limit(fields: JsonObject): JsonObject {
  return {
    "@type": `${TYPES}.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: "default/limits",
    filter_enabled: ALWAYS,
    filter_enforced: ALWAYS,
    ...fields,
  };
}

function managerWith(listenerLimit: JsonObject): JsonObject {
  return {
    http_filters: [
      { name: NAME, typed_config: listenerLimit },
      { name: "router", typed_config: { "@type": `${TYPES}.router.v3.Router` } },
    ],
  };
}

/** A rule, and the actions that lead to it. */
function rule(name: string, tokens: number, ...entries: readonly JsonObject[]): JsonObject {
  const actions = entries.map(({ action }) => action ?? {});
  return {
    descriptors: [
      {
        entries: [
          { key: "rule", value: name },
          ...entries.map(({ key, value }) => ({ key: key ?? "", value: value ?? "" })),
        ],
        token_bucket: bucket(tokens),
      },
    ],
    rate_limits: [
      {
        actions: [{ generic_key: { descriptor_key: "rule", descriptor_value: name } }, ...actions],
      },
    ],
  };
}

const perUser = (value = ""): JsonObject => ({
  key: "user",
  value,
  action: { request_headers: { header_name: "x-user", descriptor_key: "user" } },
});

async function setUp(context: TestContext, ofListener: JsonObject, ofRoute?: JsonObject) {
  const upstream = await RawUpstream.echo(context);
  const base = routeTo("app");
  const routes = [
    ofRoute === undefined ? base : { ...base, typed_per_filter_config: { [NAME]: ofRoute } },
  ];
  const clusters = [{ name: "app", endpoints: [upstream.port] }];
  const manager = managerWith(ofListener);
  const proxy = await ProxyFixture.start(context, bootstrapOf([{ routes, manager }], clusters));
  return { proxy, upstream, ...(await clientOf(context, proxy)) };
}

async function clientOf(context: TestContext, proxy: { port(name: string): number }) {
  const client = await RawClient.connect(proxy.port("main"));
  context.after(() => client.close());
  const get = (lines: readonly string[] = [], path = "/"): Promise<RawResponse> =>
    client.get(path, lines).response();
  const statuses = async (...requests: readonly (readonly string[])[]): Promise<number[]> => {
    const seen: number[] = [];
    for (const lines of requests) seen.push((await get(lines)).status);
    return seen;
  };
  return { client, get, statuses };
}

const user = (name: string): readonly string[] => [`X-User: ${name}`];

test("the default bucket lets its tokens through and answers 429 behind them", async (context) => {
  const { get, statuses, proxy } = await setUp(context, limit({ token_bucket: bucket(2) }));
  assert.deepEqual(await statuses([], [], []), [200, 200, 429]);
  const refused = await get(["Accept: application/json"]);
  const { flag, details, message } = JSON.parse(refused.body);
  assert.equal(flag, "RL");
  assert.equal(details, "local_rate_limited");
  assert.match(message, /default\/limits, rule default/);
  const labels = ['policy="default/limits"', 'rule="default"'];
  assert.equal(proxy.metric("tulle_ratelimit_requests_total", ...labels, 'result="allowed"'), 2);
  assert.equal(proxy.metric("tulle_ratelimit_requests_total", ...labels, 'result="limited"'), 2);
  assert.equal(proxy.metric("istio_requests_total", 'response_flags="RL"'), 2);
});

test("each user has a limit of their own; requests without one are not counted", async (context) => {
  const fields = rule("each-user", 1, perUser());
  const { statuses } = await setUp(context, limit({ ...fields, token_bucket: bucket(1000) }));
  assert.deepEqual(
    await statuses(user("ann"), user("ann"), user("bob"), [], [], user("bob")),
    [200, 429, 200, 200, 200, 429],
  );
});

test("a descriptor with the very value goes before one for any", async (context) => {
  const any = rule("user", 1, perUser());
  const gold = rule("user", 2, perUser("gold"));
  const descriptors = [...(any["descriptors"] as []), ...(gold["descriptors"] as [])];
  const { rate_limits } = any;
  const { statuses } = await setUp(context, limit({ descriptors, rate_limits: rate_limits ?? [] }));
  assert.deepEqual(
    await statuses(user("gold"), user("gold"), user("gold"), user("ann"), user("ann")),
    [200, 200, 429, 200, 429],
  );
});

test("who was seen longest ago makes room when more values come than are remembered", async (context) => {
  const fields = { ...rule("each-user", 1, perUser()), max_dynamic_descriptors: 2 };
  const { statuses } = await setUp(context, limit(fields));
  assert.deepEqual(
    await statuses(user("a"), user("b"), user("a"), user("c"), user("a"), user("b")),
    // b was forgotten for c, a was not.
    [200, 200, 429, 200, 429, 200],
  );
});

test("a request that one limit refuses takes no token of another", async (context) => {
  const one = rule("one", 1, perUser());
  const all = rule("all", 3);
  const merged = {
    descriptors: [...(one["descriptors"] as []), ...(all["descriptors"] as [])],
    rate_limits: [...(one["rate_limits"] as []), ...(all["rate_limits"] as [])],
  };
  const { statuses } = await setUp(context, limit(merged));
  assert.deepEqual(
    await statuses(user("a"), user("a"), user("a"), user("a"), user("b"), user("c"), user("d")),
    [200, 429, 429, 429, 200, 200, 429],
  );
});

test("conditions on the request choose what is counted", async (context) => {
  const writes = {
    key: "write",
    value: "yes",
    action: {
      header_value_match: {
        descriptor_key: "write",
        descriptor_value: "yes",
        headers: [{ name: ":path", string_match: { prefix: "/write" } }],
      },
    },
  };
  const drafts = {
    key: "draft",
    value: "no",
    action: {
      query_parameter_value_match: {
        descriptor_key: "draft",
        descriptor_value: "no",
        expect_match: false,
        query_parameters: [{ name: "draft", string_match: { exact: "1" } }],
      },
    },
  };
  const { get } = await setUp(context, limit(rule("writes", 1, writes, drafts)));
  const paths = ["/write", "/read", "/write?draft=1", "/write/x"];
  const seen: number[] = [];
  for (const path of paths) seen.push((await get([], path)).status);
  assert.deepEqual(seen, [200, 200, 200, 429]);
});

test("networks of source addresses", async (context) => {
  const network = {
    key: "masked_remote_address",
    value: "10.1.0.0/16",
    action: { masked_remote_address: { v4_prefix_mask_len: 16 } },
  };
  const { statuses } = await setUp(context, limit(rule("network", 1, network)));
  const from = (address: string): readonly string[] => [`X-Forwarded-For: 1.2.3.4, ${address}`];
  assert.deepEqual(
    await statuses(from("10.1.2.3"), from("10.1.9.9"), from("10.2.0.1"), []),
    [200, 429, 200, 200],
  );
});

test("clients are told of the limit, and refused ones when to come again", async (context) => {
  const fields = {
    token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: "60s" },
    enable_x_ratelimit_headers: "DRAFT_VERSION_03",
    enable_retry_after_header: true,
    response_headers_to_add: [{ header: { key: "x-why", value: "limits" } }],
    status: { code: 503 },
  };
  const { get } = await setUp(context, limit(fields));
  const told = (answer: RawResponse): readonly (string | undefined)[] =>
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "x-why"].map(
      (name) => headerOf(answer, name),
    );
  assert.deepEqual(told(await get()), ["2", "1", "0", undefined, undefined]);
  const last = told(await get());
  assert.deepEqual(last.slice(0, 2), ["2", "0"]);
  const refused = await get();
  assert.equal(refused.status, 503);
  const [limited, remaining, reset, retryAfter, why] = told(refused);
  assert.deepEqual([limited, remaining, why], ["2", "0", "limits"]);
  assert.equal(reset, retryAfter);
  assert.ok(Number(retryAfter) >= 1 && Number(retryAfter) <= 60);
});

test("gRPC clients get RESOURCE_EXHAUSTED where configured, UNAVAILABLE otherwise", async (context) => {
  for (const [isExhausted, status] of [
    [true, "8"],
    [false, "14"],
  ] as const) {
    const fields = { token_bucket: bucket(0), rate_limited_as_resource_exhausted: isExhausted };
    const { client } = await setUp(context, limit(fields));
    client.send(
      "POST /a.B/C HTTP/1.1\r\nHost: app\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
    );
    const answer = await client.response("POST");
    assert.equal(answer.status, 200);
    assert.equal(headerOf(answer, "grpc-status"), status);
  }
});

test("what is only observed goes on, marked and counted", async (context) => {
  const fields = {
    token_bucket: bucket(1),
    filter_enforced: { default_value: { numerator: 0 } },
    request_headers_to_add_when_not_enforced: [{ header: { key: "x-too-many", value: "1" } }],
  };
  const { statuses, upstream, proxy } = await setUp(context, limit(fields));
  assert.deepEqual(await statuses([], []), [200, 200]);
  const marks = upstream.requests.map((request) => headerOf(request, "x-too-many"));
  assert.deepEqual(marks, [undefined, "1"]);
  assert.equal(proxy.metric("tulle_ratelimit_requests_total", 'result="observed"'), 1);
});

test("a route has limits of its own, which go before the listener's", async (context) => {
  const { statuses } = await setUp(
    context,
    limit({ token_bucket: bucket(0) }),
    limit({ token_bucket: bucket(1) }),
  );
  assert.deepEqual(await statuses([], []), [200, 429]);
});

test("each connection has a bucket of its own where configured", async (context) => {
  const fields = { token_bucket: bucket(1), local_rate_limit_per_downstream_connection: true };
  const { statuses, proxy } = await setUp(context, limit(fields));
  assert.deepEqual(await statuses([], []), [200, 429]);
  const other = await clientOf(context, proxy);
  assert.deepEqual(await other.statuses([], []), [200, 429]);
});

test("buckets keep their state when other settings change", async (context) => {
  const first = limit({ ...rule("each-user", 1, perUser()), token_bucket: bucket(9) });
  const { statuses, proxy, upstream } = await setUp(context, first);
  assert.deepEqual(await statuses(user("ann"), user("ann")), [200, 429]);
  const second = limit({
    ...rule("each-user", 1, perUser()),
    token_bucket: bucket(9),
    status: { code: 503 },
  });
  const bootstrap = bootstrapOf(
    [{ routes: "app", manager: managerWith(second) }],
    [{ name: "app", endpoints: [upstream.port] }],
  );
  const [listener] = (bootstrap["static_resources"] as { listeners: JsonObject[] }).listeners;
  await proxy.dataPlane.setListener(proxy.listener(listener!));
  assert.deepEqual(await statuses(user("ann"), user("bob")), [503, 200]);
});

/** Requests one behind the other on each connection, for so long. */
const OFFER_MS = 2_500;
const CONNECTIONS = 4;
const RATE = 100;
const BURST = 50;

test("100 a second from a real process, whatever the machine's speed", async (context) => {
  const upstream = await RawUpstream.echo(context);
  const token_bucket = { max_tokens: BURST, tokens_per_fill: RATE, fill_interval: "1s" };
  const manager = managerWith(limit({ token_bucket }));
  const clusters = [{ name: "app", endpoints: [upstream.port] }];
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf([{ routes: "app", manager }], clusters),
  );
  const answers: { readonly atMs: number; readonly isAllowed: boolean }[] = [];
  const endMs = performance.now() + OFFER_MS;
  const offer = async (): Promise<void> => {
    const { get } = await clientOf(context, proxy);
    while (performance.now() < endMs) {
      const { status } = await get();
      answers.push({ atMs: performance.now(), isAllowed: status === 200 });
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, offer));
  const refusals = answers.filter(({ isAllowed }) => !isAllowed);
  const first = refusals[0];
  const last = refusals.at(-1);
  assert.ok(first !== undefined && last !== undefined);
  // Each refusal says that the bucket is empty: what was allowed between two is what came in between.
  let expected = 0;
  for (let i = 1; i < refusals.length; i++) {
    const gapMs = refusals[i]!.atMs - refusals[i - 1]!.atMs;
    expected += Math.min(BURST, (gapMs * RATE) / 1000);
  }
  const allowed = answers
    .slice(answers.indexOf(first), answers.indexOf(last))
    .filter(({ isAllowed }) => isAllowed).length;
  // An answer is seen later than it was given, by what a busy machine makes of it.
  const slack = 2 * CONNECTIONS + 0.02 * expected;
  assert.ok(Math.abs(allowed - expected) <= slack, `${allowed} allowed, expected ${expected}`);
});
