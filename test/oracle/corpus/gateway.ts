/**
 * Requests from outside at a gateway, as both proxies get it from translation: hosts, what strangers may not say, redirects,
 * retries by the backend's policy, policies for the gateway. Logins are ours alone: Envoy refuses them.
 */
import { type OracleCase, type RequestParts, request, type UpstreamAnswer } from "../case.ts";

const CONFIG = "src/translate/testdata/gateway-requests.input.yaml";
const EU = "eu.shop.example";
const UNAVAILABLE: UpstreamAnswer = {
  write: ["HTTP/1.1 503 Some\r\ncontent-length: 0\r\n\r\n"],
};
const OK: UpstreamAnswer = { write: ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"] };
const PREFLIGHT: RequestParts = {
  host: EU,
  method: "OPTIONS",
  headers: ["origin: https://app.example", "access-control-request-method: PUT"],
};

type Row = readonly [
  name: string,
  target: string,
  parts?: RequestParts,
  more?: Partial<OracleCase>,
];

const rows: readonly Row[] = [
  ["host-of-nobody", "/a", { host: "else.example" }],
  ["host-without-route", "/", { host: "uk.shop.example" }],
  ["host-of-wildcard", "/api/7?x=1", { host: "uk.shop.example" }],
  ["host-of-two-routes", "/api/7", { host: EU }],
  ["host-of-closest", "/scripts/a.js", { host: EU }],
  ["host-with-port", "/api", { host: `${EU}:8080` }],
  ["host-in-capitals", "/api", { host: "EU.Shop.Example" }],
  ["host-is-parent", "/", { host: "shop.example" }],
  ["redirected", "/old?x=1", { host: EU }],
  ["post-redirected", "/old", { host: EU, method: "POST", body: "x" }],
  ["post", "/a", { method: "POST", body: "stranger" }],
  ["dots", "/x/../api/7", { host: EU }],
  ["slashes", "//api//7", { host: EU }],
  ["encoded-slash", "/api%2f7", { host: EU }],
  ["denied", "/api/admin", { host: EU }],
  ["denied-behind-dots", "/x/%2e%2e/admin", {}],
  ["forged-client", "/a", { headers: ["x-forwarded-for: 203.0.113.9"] }],
  ["forged-clients", "/a", { headers: ["x-forwarded-for: 203.0.113.9, 10.0.0.1"] }],
  ["forged-scheme", "/a", { headers: ["x-forwarded-proto: https"] }],
  ["forged-identity", "/a", { headers: ["x-forwarded-client-cert: URI=spiffe://tulle.local/a"] }],
  ["forged-retries", "/a", { headers: ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: 9"] }],
  ["forged-timeout", "/a", { headers: ["x-envoy-upstream-rq-timeout-ms: 1"] }],
  ["forged-original-path", "/a", { headers: ["x-envoy-original-path: /b"] }],
  ["underscores", "/a", { headers: ["x_user: root"] }],
  ["preflight", "/scripts/a.js", PREFLIGHT],
  ["cors", "/scripts/a.js", { host: EU, headers: ["origin: https://app.example"] }],
  ["retried", "/api", { host: EU }, { answers: [UNAVAILABLE, OK] }],
  ["not-retried", "/api", { host: EU, method: "POST", body: "x" }, { answers: [UNAVAILABLE, OK] }],
  ["not-the-policys", "/a", {}, { answers: [UNAVAILABLE, OK] }],
];

export const gatewayCases: readonly OracleCase[] = [
  ...rows.map(
    ([name, target, parts, more]): OracleCase => ({
      id: `gateway/${name}`,
      config: CONFIG,
      listener: "gateway|8080",
      steps: [{ send: request(target, parts) }],
      ...more,
    }),
  ),
  {
    id: "gateway/tcp",
    config: CONFIG,
    listener: "gateway|5432",
    steps: [{ send: request("/x/../a", { headers: ["x-forwarded-for: 203.0.113.9"] }) }],
  },
];
