/**
 * Requests to the meshes under `examples/`, and those that the inputs of translation list themselves. Between sidecars
 * they are HTTP/2, whatever their clients speak.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { type OracleCase, type RequestParts, request, type UpstreamAnswer } from "../case.ts";
import { requestsOf } from "../mesh-config.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const EXAMPLES = globSync("examples/*.yaml", { cwd: ROOT }).sort();
const INPUTS = globSync("src/translate/testdata/*.input.yaml", { cwd: ROOT }).sort();

/** Every mesh file that both proxies must accept. */
export const meshFiles: readonly string[] = [...EXAMPLES, ...INPUTS];

type Row = readonly [
  file: string,
  name: string,
  to: string,
  target: string,
  parts?: RequestParts,
  more?: Partial<OracleCase>,
];

const SILENT: UpstreamAnswer = { write: [] };
const status = (code: number): UpstreamAnswer => ({
  write: [`HTTP/1.1 ${code} Some\r\ncontent-length: 0\r\n\r\n`],
});
const CALLER = "spiffe://tulle.local/ns/default/sa/storefront";

/** From a client that speaks HTTP/2. */
const HTTP2 = { versions: { downstream: 2, upstream: 2 } } as const;
const CALL: RequestParts = {
  method: "POST",
  headers: ["content-type: application/grpc", "te: trailers"],
  body: "\0\0\0\0\0",
};
const GRPC_ANSWER: UpstreamAnswer = {
  write: [
    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n",
    "5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 5\r\ngrpc-message: no such item\r\n\r\n",
  ],
};
/** Nothing but trailers, which HTTP/2 sends as a head. */
const GRPC_UNAVAILABLE: UpstreamAnswer = {
  write: [
    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 14\r\ncontent-length: 0\r\n\r\n",
  ],
};
/** Which sidecars of callers set, and no client can. */
const SPOKEN = "x-tulle-protocol: HTTP/2";

const rows: readonly Row[] = [
  ["header-routing", "tester", "catalog:80", "/", { headers: ["x-tester: yes"] }],
  ["header-routing", "nearly-tester", "catalog:80", "/", { headers: ["x-tester: yes!"] }],
  ["header-routing", "mobile", "catalog:80", "/", { headers: ["user-agent: A Mobile B"] }],
  ["header-routing", "everybody", "catalog:80", "/"],
  ["path-routing", "prefix", "storefront:80", "/products"],
  ["path-routing", "prefix-below", "storefront:80", "/products/7"],
  ["path-routing", "longer-word", "storefront:80", "/products-old"],
  ["path-routing", "exact", "storefront:80", "/products/new"],
  ["path-routing", "expression", "storefront:80", "/o/12"],
  ["path-routing", "expression-not-whole", "storefront:80", "/o/12a"],
  ["path-routing", "all-conditions", "storefront:80", "/cart?gift=true", { method: "POST" }],
  ["path-routing", "one-condition-short", "storefront:80", "/cart?gift=true"],
  ["path-routing", "dots", "storefront:80", "/x/../products/%6eew"],
  ["path-routing", "encoded-slash", "storefront:80", "/products%2fnew"],
  ["rule-precedence", "exact", "catalog:80", "/products/7", { headers: ["x-tier: gold"] }],
  ["rule-precedence", "method", "catalog:80", "/products/8", { headers: ["x-tier: gold"] }],
  [
    "rule-precedence",
    "header",
    "catalog:80",
    "/products/8",
    { method: "PUT", headers: ["x-tier: gold"] },
  ],
  ["rule-precedence", "prefix", "catalog:80", "/products/8", { method: "PUT" }],
  ["rule-precedence", "any", "catalog:80", "/"],
  ["consumer-route", "producer", "catalog:80", "/"],
  [
    "external-instance",
    "plain",
    "billing:80",
    "/invoices?year=2026",
    { method: "POST", body: "x" },
  ],
  ["redirects", "prefix", "storefront:80", "/old-shop/a?b=c"],
  ["redirects", "exact", "storefront:80", "/sale"],
  ["redirects", "host", "storefront:80", "/careers/1?x"],
  ["redirects", "port", "storefront:80", "/admin", { method: "POST", body: "x" }],
  ["redirects", "none", "storefront:80", "/other"],
  ["rewrites", "strip-prefix", "storefront:80", "/api/catalog/products/7?x=1"],
  ["rewrites", "strip-all", "storefront:80", "/api/catalog"],
  ["rewrites", "change-prefix", "storefront:80", "/api/v1/orders/12"],
  ["rewrites", "whole-path", "storefront:80", "/ping?x=1"],
  ["rewrites", "none", "storefront:80", "/api/catalogue"],
  ["timeouts", "retried", "orders:80", "/", {}, { answers: [status(503), status(200)] }],
  ["timeouts", "not-retried", "orders:80", "/", {}, { answers: [status(500), status(200)] }],
  [
    "timeouts",
    "post-not-retried",
    "orders:80",
    "/",
    { method: "POST", body: "x" },
    { answers: [status(503), status(200)] },
  ],
  ["timeouts", "no-limit", "orders:80", "/events"],
  ["load-balancing", "least-request", "cart:80", "/"],
  ["load-balancing", "round-robin", "payments:80", "/"],
  ["load-balancing", "random", "users:80", "/"],
  ["load-balancing", "peak-ewma", "catalog:80", "/"],
  ["shop", "rewritten", "storefront:80", "/api/cart/items?x=1", { method: "PUT", body: "{}" }],
  ["shop", "moved", "storefront:80", "/shop.php?x=1"],
  ["shop", "page", "storefront:80", "/"],
  ["shop", "tester", "catalog:80", "/", { headers: ["x-tester: yes"] }],
  ["shop", "given-up", "recommendations:80", "/", {}, { answers: [SILENT] }],
  ["shop", "impostor", "users:80", "/"],
  ["shop", "http2-page", "storefront:80", "/", {}, HTTP2],
  ["shop", "http2-moved", "storefront:80", "/shop.php?x=1", {}, HTTP2],
  [
    "shop",
    "http2-rewritten",
    "storefront:80",
    "/api/cart/items?x=1",
    { method: "PUT", body: "{}" },
    HTTP2,
  ],
  ["shop", "http2-forged-protocol", "storefront:80", "/", { headers: [SPOKEN] }],
  ["shop", "http2-given-up", "recommendations:80", "/", {}, { ...HTTP2, answers: [SILENT] }],
  [
    "shop",
    "http2-app",
    "inbound",
    "/a",
    { method: "POST", body: "in" },
    { ...HTTP2, client: CALLER },
  ],
  [
    "shop",
    "http2-app-of-http2",
    "inbound",
    "/a",
    { method: "POST", body: "in", headers: [SPOKEN] },
    { ...HTTP2, client: CALLER },
  ],
  [
    "shop",
    "http2-app-grpc",
    "inbound",
    "/shop.v1.Catalog/Get",
    CALL,
    { ...HTTP2, client: CALLER, answers: [GRPC_ANSWER] },
  ],
  [
    "grpc-route",
    "by-method",
    "catalog:9090",
    "/shop.v1.Catalog/Search",
    CALL,
    { ...HTTP2, answers: [GRPC_ANSWER] },
  ],
  [
    "grpc-route",
    "by-metadata",
    "catalog:9090",
    "/shop.v1.Catalog/Get",
    { ...CALL, headers: [...(CALL.headers ?? []), "x-tester: yes"] },
    { ...HTTP2, answers: [GRPC_ANSWER] },
  ],
  [
    "grpc-route",
    "trailers-only",
    "catalog:9090",
    "/shop.v1.Catalog/Search",
    CALL,
    { ...HTTP2, answers: [GRPC_UNAVAILABLE] },
  ],
  ["shop", "app", "inbound", "/a?b=c", { method: "POST", body: "in" }, { client: CALLER }],
  ["shop", "app-head", "inbound", "/a", { method: "HEAD" }, { client: CALLER }],
  ["shop", "app-dots", "inbound", "/a/../b%2fc", {}, { client: CALLER }],
  [
    "shop",
    "app-closes",
    "inbound",
    "/",
    {},
    { client: CALLER, answers: [{ write: [], ending: "end" }] },
  ],
  [
    "shop",
    "app-forged-certificate-header",
    "inbound",
    "/",
    { headers: ["x-forwarded-client-cert: URI=spiffe://tulle.local/ns/default/sa/admin"] },
    { client: CALLER },
  ],
  [
    "shop",
    "other-trust-domain",
    "inbound",
    "/",
    {},
    { client: "spiffe://other.example/ns/default/sa/storefront" },
  ],
  ["shop", "no-certificate", "inbound", "/", {}, { client: "none" }],
  ["shop", "plain-text", "inbound", "/"],
];

const exampleCases = rows.map(
  ([file, name, listener, target, parts, more]): OracleCase => ({
    id: `example/${file}/${name}`,
    config: `examples/${file}.yaml`,
    listener,
    steps: [{ send: request(target, parts) }],
    ...more,
  }),
);

/** A split is left to chance there: which side a request takes says nothing about the proxies. */
const HAS_CHANCE = /=\d+/;

const inputCases = INPUTS.flatMap((config) =>
  requestsOf(config)
    .filter(({ expect }) => !HAS_CHANCE.test(expect))
    .map((wanted, index): OracleCase => {
      const [method = "", target = ""] = wanted.request.split(" ");
      const { Host: host = "shop.example", ...others } = wanted.headers ?? {};
      const headers = Object.entries(others).map(([name, value]) => `${name}: ${value}`);
      const name = /([^/]+)\.input\.yaml$/.exec(config)?.[1];
      return {
        id: `translate/${name}/${index + 1}`,
        config,
        listener: wanted.to,
        steps: [{ send: request(target, { method, host, headers }) }],
      };
    }),
);

export const meshCases: readonly OracleCase[] = [...exampleCases, ...inputCases];
