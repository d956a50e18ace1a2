/** What HTTP filters do: faults on purpose, and CORS. */
import {
  type OracleCase,
  type RequestParts,
  request,
  STATIC,
  type UpstreamAnswer,
} from "../case.ts";

type Row = readonly [
  name: string,
  target: string,
  parts?: RequestParts,
  more?: Partial<OracleCase>,
];

const GRPC: RequestParts = {
  method: "POST",
  headers: ["content-type: application/grpc", "te: trailers"],
  body: "",
};

const SLOW_ANSWER: UpstreamAnswer = {
  write: [`HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n${"x".repeat(300)}`],
};

const faults: readonly Row[] = [
  ["abort", "/abort"],
  ["abort-head", "/abort", { method: "HEAD" }],
  ["abort-of-grpc", "/abort", GRPC],
  ["abort-grpc-status", "/abort-grpc", GRPC],
  ["abort-grpc-status-of-http", "/abort-grpc"],
  ["abort-asked", "/abort-asked", { headers: ["x-envoy-fault-abort-request: 451"] }],
  [
    "abort-asked-twice",
    "/abort-asked",
    {
      headers: ["x-envoy-fault-abort-request: 451", "x-envoy-fault-abort-request: 452"],
    },
  ],
  ["abort-asked-not", "/abort-asked"],
  ["abort-asked-badly", "/abort-asked", { headers: ["x-envoy-fault-abort-request: 199"] }],
  ["abort-asked-in-words", "/abort-asked", { headers: ["x-envoy-fault-abort-request: no"] }],
  [
    "abort-asked-of-grpc",
    "/abort-asked",
    {
      ...GRPC,
      headers: [...(GRPC.headers ?? []), "x-envoy-fault-abort-grpc-request: 5"],
    },
  ],
  [
    "abort-asked-zero-percent",
    "/abort-asked",
    {
      headers: ["x-envoy-fault-abort-request: 451", "x-envoy-fault-abort-request-percentage: 0"],
    },
  ],
  [
    "abort-not-raised",
    "/abort-rarely",
    {
      headers: ["x-envoy-fault-abort-request: 451", "x-envoy-fault-abort-request-percentage: 100"],
    },
  ],
  ["abort-without-percentage", "/abort-never"],
  ["abort-of-host", "/elsewhere"],
  ["abort-before-redirect", "/redirect"],
  ["delay", "/delay"],
  ["delay-of-post", "/delay", { method: "POST", body: "hello" }],
  ["delay-asked", "/delay-asked", { headers: ["x-envoy-fault-delay-request: 50"] }],
  ["delay-asked-not", "/delay-asked"],
  ["delay-abort", "/delay-abort"],
  ["delay-dead", "/delay-dead"],
  ["slow", "/slow", {}, { answers: [SLOW_ANSWER] }],
  ["of-cluster", "/of-cluster"],
  ["of-other-cluster", "/of-other-cluster"],
  ["of-node", "/of-node", { headers: ["x-envoy-downstream-service-node: b"] }],
  ["of-other-node", "/of-node", { headers: ["x-envoy-downstream-service-node: c"] }],
  ["of-no-node", "/of-node"],
  ["of-header", "/of-header", { headers: ["x-a: 1"] }],
  ["of-other-header", "/of-header", { headers: ["x-a: 2"] }],
  ["off", "/off"],
];

const from = (origin: string, ...headers: string[]): RequestParts => ({
  headers: [`origin: ${origin}`, ...headers],
});
const SHOP = "https://shop.example";
const preflight = (origin: string, ...headers: string[]): RequestParts => ({
  method: "OPTIONS",
  headers: [`origin: ${origin}`, "access-control-request-method: PUT", ...headers],
});

const cors: readonly Row[] = [
  ["same-origin", "/shop"],
  ["allowed", "/shop", from(SHOP)],
  ["refused", "/shop", from("https://evil.example")],
  ["case-counts", "/shop", from("https://SHOP.example")],
  ["empty-origin", "/shop", from("")],
  ["preflight", "/shop", preflight(SHOP, "access-control-request-headers: x-a")],
  ["preflight-refused", "/shop", preflight("https://evil.example")],
  ["preflight-not-forwarded", "/not-forwarded", preflight("https://evil.example")],
  ["options-without-method", "/shop", { ...from(SHOP), method: "OPTIONS" }],
  ["method-of-get", "/shop", from(SHOP, "access-control-request-method: PUT")],
  ["any", "/any", from("https://anybody.example")],
  ["any-null", "/any", from("null")],
  ["prefix", "/prefix", from("https://a.example")],
  ["prefix-not", "/prefix", from("https://b.example")],
  ["regex", "/regex", from("https://www.shop.example")],
  ["regex-whole", "/regex", from("https://www.shop.example.evil")],
  ["star-lists", "/star-lists", preflight(SHOP, "access-control-request-headers: x-b, x-c")],
  ["star-lists-none-asked", "/star-lists", preflight(SHOP)],
  ["star-exposed", "/star-lists", from(SHOP)],
  ["no-cookies", "/no-cookies", preflight(SHOP)],
  ["private", "/private", preflight(SHOP, "access-control-request-private-network: true")],
  ["private-not-asked", "/private", preflight(SHOP)],
  ["private-not-allowed", "/shop", preflight(SHOP, "access-control-request-private-network: true")],
  ["of-host", "/elsewhere", from("https://host.example")],
  ["of-host-preflight", "/elsewhere", preflight("https://host.example")],
  ["off", "/off", from(SHOP)],
  ["off-preflight", "/off", preflight(SHOP)],
  ["direct-response", "/shop-direct", from(SHOP)],
  ["direct-response-preflight", "/shop-direct", preflight(SHOP)],
  ["dead", "/shop-dead", from(SHOP)],
];

function casesOf(group: string, listener: string, rows: readonly Row[]): OracleCase[] {
  return rows.map(([name, target, parts = {}, more = {}]) => ({
    id: `${group}/${name}`,
    config: STATIC,
    listener,
    isPeaceful: true,
    steps: [{ send: request(target, parts) }, { await: "response" }],
    ...more,
  }));
}

export const filterCases: readonly OracleCase[] = [
  ...casesOf("faults", "faults", faults),
  ...casesOf("cors", "cors", cors),
];
