/**
 * Local rate limits beside a real Envoy: the same listener, the same requests one after the other, the same answers.
 * Buckets give a token an hour, so that nothing depends on time; a listener for each case, so that none on another.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { bootstrapOf, type ListenerSpec, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const NAME = "envoy.filters.http.local_ratelimit";
const ALWAYS = { default_value: { numerator: 100 } };
const NEVER = { default_value: { numerator: 0 } };

interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: readonly string[];
}

interface Case {
  readonly limit: JsonObject;
  readonly ofRoute?: JsonObject;
  /** Whose word for the client's address is taken. */
  readonly manager?: JsonObject;
  readonly asks: readonly Ask[];
}

const bucket = (max_tokens: number): JsonObject => ({
  max_tokens,
  tokens_per_fill: 1,
  fill_interval: "3600s",
});
const entry = (key: string, value: string): JsonObject => ({ key, value });
const descriptor = (tokens: number, ...entries: readonly JsonObject[]): JsonObject => ({
  entries: [...entries],
  token_bucket: bucket(tokens),
});
const header = (name: string, key: string): JsonObject => ({
  request_headers: { header_name: name, descriptor_key: key },
});
const generic = (value: string): JsonObject => ({ generic_key: { descriptor_value: value } });
const user = (name: string, path = "/"): Ask => ({ path, headers: [`X-User: ${name}`] });
const from = (address: string): Ask => ({ headers: [`X-Forwarded-For: ${address}`] });
const told = { enable_x_ratelimit_headers: "DRAFT_VERSION_03", enable_retry_after_header: true };
const ONLY_DESCRIPTORS = {
  token_bucket: { ...bucket(1), max_tokens: 1000 },
  always_consume_default_token_bucket: false,
};
/** Which of them are counted together tells whom the proxy takes for the client. */
const EACH_ADDRESS: Case = {
  limit: {
    ...ONLY_DESCRIPTORS,
    descriptors: [descriptor(1, entry("remote_address", ""))],
    rate_limits: [{ actions: [{ remote_address: {} }] }],
  },
  asks: [
    {},
    from("10.1.1.1"),
    from("10.1.1.1"),
    from("10.2.2.2"),
    from("10.2.2.2, 10.1.1.1"),
    from("10.3.3.3, 10.1.1.1"),
    from("10.1.1.1, 10.2.2.2, 10.4.4.4"),
    from("10.5.5.5, none"),
    from("none, 10.6.6.6"),
    from("2001:db8::1, 10.1.1.1"),
    {},
  ],
};
const grpc: Ask = { method: "POST", headers: ["Content-Type: application/grpc"] };

const CASES: Readonly<Record<string, Case>> = {
  "default-bucket": { limit: { token_bucket: bucket(2), ...told }, asks: [{}, {}, {}, {}] },
  "not-enabled": { limit: { token_bucket: bucket(1), filter_enabled: NEVER }, asks: [{}, {}] },
  "not-enforced": {
    limit: {
      token_bucket: bucket(1),
      filter_enforced: NEVER,
      request_headers_to_add_when_not_enforced: [{ header: { key: "x-too-many", value: "1" } }],
      ...told,
    },
    asks: [{}, {}, {}],
  },
  "status-and-headers": {
    limit: {
      token_bucket: bucket(1),
      status: { code: 503 },
      response_headers_to_add: [{ header: { key: "x-why", value: "limits" } }],
    },
    asks: [{}, {}],
  },
  "status-too-low": { limit: { token_bucket: bucket(1), status: { code: 204 } }, asks: [{}, {}] },
  "each-user": {
    limit: {
      ...ONLY_DESCRIPTORS,
      ...told,
      descriptors: [descriptor(1, entry("user", ""))],
      rate_limits: [{ actions: [header("x-user", "user")] }],
    },
    asks: [user("a"), user("a"), user("b"), user("b"), {}, {}, user("a")],
  },
  "value-before-any": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("user", "")), descriptor(2, entry("user", "gold"))],
      rate_limits: [{ actions: [header("x-user", "user")] }],
    },
    asks: [user("gold"), user("gold"), user("gold"), user("b"), user("b")],
  },
  "default-as-well": {
    limit: {
      token_bucket: bucket(3),
      descriptors: [descriptor(2, entry("user", "a"))],
      rate_limits: [{ actions: [header("x-user", "user")] }],
      ...told,
    },
    asks: [user("a"), user("b"), user("a"), user("a"), user("b")],
  },
  "two-limits": {
    limit: {
      ...ONLY_DESCRIPTORS,
      ...told,
      descriptors: [
        {
          ...descriptor(5, entry("generic_key", "all")),
          token_bucket: { ...bucket(5), tokens_per_fill: 9 },
        },
        descriptor(1, entry("user", "a")),
      ],
      rate_limits: [{ actions: [generic("all")] }, { actions: [header("x-user", "user")] }],
    },
    asks: [user("a"), user("a"), user("b"), user("b")],
  },
  "order-of-entries": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("user", ""), entry("generic_key", "x"))],
      rate_limits: [{ actions: [generic("x"), header("x-user", "user")] }],
    },
    asks: [user("a"), user("a")],
  },
  "path-of-each": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("path", ""), entry("method", ""))],
      rate_limits: [{ actions: [header(":path", "path"), header(":method", "method")] }],
    },
    asks: [
      {},
      {},
      { path: "/?a=1" },
      { path: "/?a=1" },
      { method: "DELETE" },
      { method: "DELETE" },
    ],
  },
  "header-value-match": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("header_match", "yes"))],
      rate_limits: [
        {
          actions: [
            {
              header_value_match: {
                descriptor_value: "yes",
                headers: [
                  { name: "x-user", string_match: { exact: "a" } },
                  { name: ":path", string_match: { prefix: "/w" } },
                ],
              },
            },
          ],
        },
      ],
    },
    asks: [user("a", "/w"), user("a"), user("b", "/w"), user("a", "/w")],
  },
  "header-value-mismatch": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("anonymous", "yes"))],
      rate_limits: [
        {
          actions: [
            {
              header_value_match: {
                descriptor_key: "anonymous",
                descriptor_value: "yes",
                expect_match: false,
                headers: [{ name: "x-user", present_match: true }],
              },
            },
          ],
        },
      ],
    },
    asks: [user("a"), user("a"), {}, {}],
  },
  "query-value-match": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("query_match", "yes"))],
      rate_limits: [
        {
          actions: [
            {
              query_parameter_value_match: {
                descriptor_value: "yes",
                query_parameters: [{ name: "q", string_match: { prefix: "a" } }],
              },
            },
          ],
        },
      ],
    },
    asks: [{ path: "/?q=ab" }, { path: "/?q=b" }, { path: "/?x&q=ac" }],
  },
  "query-of-each": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("q", ""))],
      rate_limits: [
        { actions: [{ query_parameters: { query_parameter_name: "q", descriptor_key: "q" } }] },
      ],
    },
    asks: [{ path: "/?q=a" }, { path: "/?q=a" }, { path: "/?q=b" }, {}, {}],
  },
  "remote-address": {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [descriptor(1, entry("remote_address", ""))],
      rate_limits: [{ actions: [{ remote_address: {} }] }],
    },
    asks: [
      from("10.1.1.1"),
      from("10.1.1.1"),
      from("10.2.2.2, 10.1.1.1"),
      from("10.2.2.2"),
      {},
      {},
    ],
  },
  ...Object.fromEntries(
    Object.entries({
      "client-at-the-edge": { use_remote_address: true },
      "client-behind-a-proxy": { use_remote_address: true, xff_num_trusted_hops: 1 },
      "client-behind-two": { xff_num_trusted_hops: 1 },
      "client-nobody-tells": { xff_num_trusted_hops: 1000 },
    }).map(([name, manager]) => [name, { ...EACH_ADDRESS, manager }]),
  ),
  networks: {
    limit: {
      ...ONLY_DESCRIPTORS,
      descriptors: [
        descriptor(1, entry("masked_remote_address", "10.128.0.0/9")),
        descriptor(1, entry("masked_remote_address", "2001:db8:8000::/33")),
      ],
      rate_limits: [
        { actions: [{ masked_remote_address: { v4_prefix_mask_len: 9, v6_prefix_mask_len: 33 } }] },
      ],
    },
    asks: [
      from("10.255.1.2"),
      from("10.128.0.1"),
      from("10.1.1.1"),
      from("2001:db8:ffff::1"),
      from("2001:db8:8000::2"),
      from("2001:db8::1"),
    ],
  },
  "remembered-values": {
    limit: {
      ...ONLY_DESCRIPTORS,
      max_dynamic_descriptors: 2,
      descriptors: [descriptor(1, entry("user", ""))],
      rate_limits: [{ actions: [header("x-user", "user")] }],
    },
    asks: ["a", "b", "a", "c", "a", "b"].map((name) => user(name)),
  },
  "route-instead": {
    limit: { token_bucket: bucket(5) },
    ofRoute: { token_bucket: bucket(1), ...told },
    asks: [{}, {}],
  },
  "grpc-exhausted": {
    limit: { token_bucket: bucket(1), rate_limited_as_resource_exhausted: true },
    asks: [grpc, grpc],
  },
  "grpc-unavailable": { limit: { token_bucket: bucket(1) }, asks: [grpc, grpc] },
};

function limit(name: string, fields: JsonObject): JsonObject {
  return {
    "@type": `${HTTP}.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: name,
    filter_enabled: ALWAYS,
    filter_enforced: ALWAYS,
    ...fields,
  };
}

function listenerOf([name, { limit: fields, ofRoute, manager }]: readonly [
  string,
  Case,
]): ListenerSpec {
  const route = routeTo("app");
  const config = ofRoute && { typed_per_filter_config: { [NAME]: limit(name, ofRoute) } };
  return {
    name,
    routes: [{ ...route, ...config }],
    manager: {
      ...manager,
      http_filters: [
        { name: NAME, typed_config: limit(name, fields) },
        { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
      ],
    },
  };
}

const COMPARED = [
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "retry-after",
  "x-why",
  "content-type",
  "grpc-status",
  "x-seen",
];

/** Each answer as a line. */
async function answersOf(port: number, asks: readonly Ask[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { path = "/", method = "GET", headers = [] } of asks) {
    const client = await RawClient.connect(port);
    const length = method === "POST" ? ["Content-Length: 0"] : [];
    const head = [`${method} ${path} HTTP/1.1`, "Host: app", ...headers, ...length];
    const answer = await client.send(`${head.join("\r\n")}\r\n\r\n`).response(method);
    const fields = COMPARED.flatMap((name) => {
      const value = headerOf(answer, name);
      return value === undefined ? [] : [`${name}: ${value}`];
    });
    lines.push([`${answer.status}`, ...fields].join(", "));
    client.close();
  }
  return lines;
}

/** Says whether the request was marked as one too many. */
async function upstreamOf(context: TestContext): Promise<RawUpstream> {
  return RawUpstream.start(context, {
    onRequest: (request) =>
      request.reply("", [`x-seen: ${headerOf(request, "x-too-many") ?? "-"}`]),
  });
}

test("what is let through, refused and told is what Envoy does", {
  skip: envoy.skip ?? false,
}, async (context) => {
  assert.ok(envoy.path !== undefined);
  const upstream = await upstreamOf(context);
  const listeners = Object.entries(CASES).map(listenerOf);
  const json = bootstrapOf(listeners, [{ name: "app", endpoints: [upstream.port] }]);
  const theirs = await startStaticEnvoy(envoy.path, json["static_resources"] as JsonObject);
  context.after(() => theirs.stop());
  const ours = await ProxyProcess.start(context, json);
  for (const [name, { asks }] of Object.entries(CASES)) {
    await context.test(name, async () => {
      const [expected, actual] = await Promise.all([
        answersOf(theirs.portOf(name), asks),
        answersOf(ours.port(name), asks),
      ]);
      assert.deepEqual(actual, expected);
    });
  }
});
