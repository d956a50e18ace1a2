/** What becomes of a request, by the configuration dump of a proxy that no control plane of ours knows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { MeshError } from "../../core/errors.ts";
import { messageRegistry } from "../../proxy/config/message-registry.ts";
import { dumpExplainer } from "./explain-dump.ts";
import type { ExplainRequest, ExplainResponse } from "./explain-types.ts";

const ADMIN = "type.googleapis.com/envoy.admin.v3";
const FILTERS = "type.googleapis.com/envoy.extensions.filters";

function listener(name: string, port: number, virtual_hosts: JsonObject[]): JsonObject {
  const manager: JsonObject = {
    "@type": `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    normalize_path: true,
    route_config: { name, virtual_hosts },
    http_filters: [
      {
        name: "off",
        disabled: true,
        typed_config: { "@type": `${FILTERS}.http.grpc_web.v3.GrpcWeb` },
      },
      // Of a kind that is not known here.
      { name: "foreign", typed_config: { "@type": `${FILTERS}.http.foreign.v3.Foreign`, a: 1 } },
      { name: "router", typed_config: { "@type": `${FILTERS}.http.router.v3.Router` } },
    ],
  };
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return {
    active_state: {
      listener: {
        name,
        address,
        filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
      },
    },
  };
}

const host = (name: string, domains: string[], ...routes: JsonObject[]): JsonObject => ({
  ...{ name, domains, routes },
});
const to = (prefix: string, route: JsonObject): JsonObject => ({ match: { prefix }, route });
const endpoint = (port: number, health_status: string, weight = 1): JsonObject => ({
  endpoint: { address: { socket_address: { address: "10.0.0.1", port_value: port } } },
  health_status,
  load_balancing_weight: weight,
});

const SPLIT_BY_CHANCE: JsonObject = {
  clusters: [
    { name: "alpha", weight: 3 },
    { name: "beta", weight: 1 },
  ],
};
const SPLIT: JsonObject = { weighted_clusters: { ...SPLIT_BY_CHANCE, header_name: "x-random" } };

const DUMP = {
  configs: [
    {
      "@type": `${ADMIN}.ListenersConfigDump`,
      dynamic_listeners: [
        listener("web", 8080, [
          host(
            "shop",
            ["shop.example"],
            to("/split", SPLIT),
            to("/users", {
              hash_policy: [{ header: { header_name: "x-user" } }],
              weighted_clusters: { ...SPLIT_BY_CHANCE, use_hash_policy: true },
            }),
            to("/none", { cluster: "nowhere", cluster_not_found_response_code: "NOT_FOUND" }),
            { match: { prefix: "/old" }, redirect: { path_redirect: "/new" } },
            { match: { prefix: "/stop" }, direct_response: { status: 403 } },
            {
              ...to("/api", { cluster: "alpha", prefix_rewrite: "/v1", host_rewrite_literal: "a" }),
              request_headers_to_add: [{ header: { key: "X-A", value: "1" } }],
              response_headers_to_remove: ["Server"],
            },
          ),
          host("both", ["both.example"]),
        ]),
        listener("admin", 8081, [host("both", ["both.example"]), host("own", ["own.example"])]),
      ],
    },
    {
      "@type": `${ADMIN}.ClustersConfigDump`,
      static_clusters: [{ cluster: { name: "alpha" } }],
      dynamic_active_clusters: [
        { cluster: { name: "beta", common_lb_config: { healthy_panic_threshold: { value: 0 } } } },
      ],
    },
    {
      "@type": `${ADMIN}.EndpointsConfigDump`,
      static_endpoint_configs: [
        {
          endpoint_config: {
            cluster_name: "alpha",
            endpoints: [
              { lb_endpoints: [endpoint(1, "HEALTHY", 3), endpoint(2, "DRAINING")] },
              { priority: 1, lb_endpoints: [endpoint(3, "HEALTHY")] },
            ],
          },
        },
        {
          endpoint_config: {
            cluster_name: "beta",
            endpoints: [{ lb_endpoints: [endpoint(4, "UNHEALTHY")] }],
          },
        },
      ],
    },
  ],
};

const explainer = dumpExplainer(DUMP, messageRegistry, { namespace: "default", proxy: null });

function explain(url: string, more: Partial<ExplainRequest> = {}): ExplainResponse {
  return explainer.explain({ method: "GET", url, ...more });
}

function failure(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof MeshError);
    const { message, hint } = error.detail.error;
    return `${message}; ${hint}`;
  }
  return assert.fail("it succeeds");
}

test("a split has shares, and a header that decides instead of chance gets one of them", () => {
  const byChance = explain("shop.example/split");
  assert.deepEqual(
    byChance.clusters.map(({ name, share, weight }) => [name, share, weight]),
    [
      ["alpha", 0.75, 3],
      ["beta", 0.25, 1],
    ],
  );
  assert.equal(byChance.outcome, "forwarded to alpha or beta");
  assert.deepEqual(byChance.notes, ["chance decides between the clusters for each request"]);
  const decided = explain("shop.example/split", { headers: [["X-Random", "7"]] });
  assert.deepEqual(
    decided.clusters.map(({ name, share }) => [name, share]),
    [
      ["beta", 1],
      ["alpha", 0],
    ],
  );
  assert.deepEqual(decided.notes, ["the number in the header x-random decides: beta"]);
  assert.equal(
    decided.outcome,
    "503 (UH): forwarded to beta, which has no endpoint that can take the request",
  );
});

test("a split by users' hash is decided by what is hashed, where the request has it", () => {
  const shares = (headers: readonly (readonly [string, string])[]) =>
    explain("shop.example/users", { headers }).clusters.map(({ share }) => share);
  assert.deepEqual(shares([["x-user", "5"]]), [1, 0]);
  assert.deepEqual(shares([]), [0.75, 0.25]);
  assert.deepEqual(explain("shop.example/users", { headers: [["x-user", "5"]] }).notes, [
    "the hash of the header x-user decides: this request always goes to alpha",
  ]);
  assert.deepEqual(explain("shop.example/users").notes, [
    "the hash of the header x-user decides, so that each user stays with one cluster; which one, this request does not tell",
  ]);
});

test("endpoints say why they get nothing", () => {
  const { clusters } = explain("shop.example/split");
  assert.deepEqual(
    clusters.flatMap(({ endpoints }) =>
      endpoints.map(({ address, weight, eligible, reason }) => [address, weight, eligible, reason]),
    ),
    [
      ["10.0.0.1:1", 3, true, null],
      ["10.0.0.1:2", 1, false, "it is draining: it finishes what it has and gets nothing new"],
      ["10.0.0.1:3", 1, false, "its priority is 1: used when too few of priority 0 are healthy"],
      ["10.0.0.1:4", 1, false, "its health is unhealthy"],
    ],
  );
});

test("what else a route does", () => {
  const outcomes = ["/none", "/old", "/stop", "/other"].map(
    (path) => explain(`http://shop.example${path}`).outcome,
  );
  assert.deepEqual(outcomes, [
    "404 (NC): forwarded to nowhere, which the proxy does not have",
    "redirected with 301",
    "answered with 403",
    "404 (NR): no route takes this request",
  ]);
  assert.deepEqual(explain("shop.example/x/../api/7").route?.changes, [
    "path: /api/7 becomes /v1/7",
    "host: becomes a",
    "request header x-a: 1 added",
    "response header server: removed",
  ]);
});

test("filters act or not, those of unknown kinds too", () => {
  assert.deepEqual(
    explain("shop.example/api").filters.map(({ name, acts }) => [name, acts]),
    [
      ["off", false],
      ["foreign", true],
      ["router", true],
    ],
  );
});

test("a listener is found by the host, by its address, or by its name", () => {
  assert.equal(explain("own.example").listener.name, "admin");
  assert.equal(explain("http://127.0.0.1:8081/").listener.name, "admin");
  assert.equal(
    explain("http://127.0.0.1:8081/").outcome,
    "404 (NR): no virtual host takes this host",
  );
  assert.equal(explain("both.example", { listener: "web" }).listener.name, "web");
  assert.equal(
    failure(() => explain("both.example")),
    "several listeners take requests for both.example; say which with --listener: web, admin",
  );
  assert.equal(
    failure(() => explain("both.example", { listener: "wev" })),
    'the proxy has no HTTP listener "wev"; did you mean web?',
  );
  assert.match(
    failure(() => explain("nobody.example")),
    /^the proxy routes nothing to nobody\.example; /,
  );
});

test("requests that no client can send are refused", () => {
  const wrong: readonly (readonly [string, Partial<ExplainRequest>, RegExp])[] = [
    ["http://", {}, /is no URL/],
    ["http://shop.example:99999/", {}, /99999 in .* is no port/],
    ["shop.example/", { method: "GE T" }, /is no method/],
    ["shop.example/", { headers: [["a b", "1"]] }, /is no name of a header/],
    ["shop.example/../..", {}, /refuses the path/],
  ];
  for (const [url, more, message] of wrong) {
    assert.match(
      failure(() => explain(url, more)),
      message,
    );
  }
  assert.match(
    failure(() => dumpExplainer({}, messageRegistry, { namespace: "default", proxy: null })),
    /is no configuration dump/,
  );
});

test("a gRPC call and a body bring the headers that clients add", () => {
  const { request } = explain("shop.example/api", { method: "POST", protocol: "grpc" });
  assert.deepEqual(request.headers, [
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]);
  const sized = explain("shop.example/api", { method: "POST", bodySizeBytes: 12 });
  assert.deepEqual(sized.request.headers, [["content-length", "12"]]);
});
