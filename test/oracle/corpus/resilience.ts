/** Time limits, deadlines, retries, hedging, priorities: what the upstream gets, how often, and what the client is told. */
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

const answer = (head: string): UpstreamAnswer => ({
  write: [`HTTP/1.1 ${head}\r\nx-upstream: {label}\r\ncontent-length: 0\r\n\r\n`],
});
const answering = (...heads: string[]): Partial<OracleCase> => ({ answers: heads.map(answer) });
const SILENT: UpstreamAnswer = { write: [] };
const GRPC: RequestParts = {
  method: "POST",
  headers: ["content-type: application/grpc"],
  body: "",
};
const grpc = (...headers: string[]): RequestParts => ({
  ...GRPC,
  headers: [...(GRPC.headers ?? []), ...headers],
});
/** As the edge writes down a client within. */
const INSIDE = "x-forwarded-for: 10.1.2.3";

const rows: readonly Row[] = [
  ["4xx", "/4xx", {}, answering("409 Conflict", "200 OK")],
  ["4xx-other", "/4xx", {}, answering("404 Not Found", "200 OK")],
  ["rate-limited", "/rate-limited", {}, answering("429 No\r\nx-envoy-ratelimited: true", "200 OK")],
  ["not-rate-limited", "/not-rate-limited", {}, answering("503 No\r\nx-envoy-ratelimited: true")],
  ["header-value", "/header-value", {}, answering("200 OK\r\nx-busy: yes", "200 OK\r\nx-busy: no")],
  ["only-gets", "/only-gets", {}, answering("500 Oh", "200 OK")],
  ["only-gets-post", "/only-gets", { method: "POST", body: "a" }, answering("500 Oh", "200 OK")],
  ["reset-header", "/reset-header", {}, answering("503 Wait\r\nretry-after: 1", "200 OK")],
  ["previous-hosts", "/previous-hosts", {}, answering("503 No", "200 OK")],
  ["try-idle", "/try-idle", {}, { answers: [SILENT, answer("200 OK")] }],
  ["try-idle-exhausted", "/try-idle", {}, { answers: [SILENT] }],
  ["try-longer-than-all", "/try-longer-than-all", {}, { answers: [SILENT] }],
  ["hedged-second", "/hedged", {}, { answers: [SILENT, answer("200 OK")] }],
  ["hedged-in-vain", "/hedged", {}, { answers: [SILENT] }],
  ["hedged-not-needed", "/hedged"],
  ["duration", "/duration", {}, { answers: [SILENT] }],
  ["duration-not-reached", "/duration"],
  ["duration-grpc", "/duration", grpc(), { answers: [SILENT] }],
  ["duration-of-grpc", "/duration-of-grpc", grpc("grpc-timeout: 10S"), { answers: [SILENT] }],
  ["duration-of-grpc-shorter", "/duration-of-grpc", grpc("grpc-timeout: 300m")],
  ["duration-of-grpc-none", "/duration-of-grpc", grpc()],
  ["duration-of-grpc-malformed", "/duration-of-grpc", grpc("grpc-timeout: 1x")],
  ["deadline-of-grpc", "/deadline-of-grpc", grpc("grpc-timeout: 2S")],
  ["deadline-of-grpc-longer", "/deadline-of-grpc", grpc("grpc-timeout: 1M")],
  ["deadline-of-grpc-none", "/deadline-of-grpc", grpc()],
  ["deadline-of-other", "/deadline-of-grpc", { headers: ["grpc-timeout: 2S"] }],
  ["deadline-with-offset", "/deadline-with-offset", grpc("grpc-timeout: 3S")],
  ["deadline-within-offset", "/deadline-with-offset", grpc("grpc-timeout: 900m")],
  ["urgent-but-full", "/urgent-but-full"],
  ["half-full", "/half-full"],
  ["too-many-retries", "/too-many-retries", {}, answering("500 Oh", "200 OK")],
  ["attempts", "/", { host: "attempts.example" }],
  ["attempts-twice", "/", { host: "attempts.example" }, answering("500 Oh", "200 OK")],
  ["attempts-dead", "/dead", { host: "attempts.example" }],
  ["attempts-empty", "/empty", { host: "attempts.example" }],
];

const trusted: readonly Row[] = [
  [
    "timeout",
    "/",
    { headers: [INSIDE, "x-envoy-upstream-rq-timeout-ms: 300"] },
    { answers: [SILENT] },
  ],
  ["retry-on", "/", { headers: [INSIDE, "x-envoy-retry-on: 5xx"] }, answering("500 Oh", "200 OK")],
  [
    "max-retries",
    "/",
    { headers: [INSIDE, "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 2"] },
    answering("500 Oh", "500 Oh", "200 OK"),
  ],
  [
    "status-codes",
    "/",
    {
      headers: [
        INSIDE,
        "x-envoy-retry-on: retriable-status-codes",
        "x-envoy-retriable-status-codes: 418,419",
      ],
    },
    answering("418 Teapot", "200 OK"),
  ],
  [
    "per-try-timeout",
    "/",
    { headers: [INSIDE, "x-envoy-retry-on: 5xx", "x-envoy-upstream-rq-per-try-timeout-ms: 300"] },
    { answers: [SILENT, answer("200 OK")] },
  ],
  [
    "expected",
    "/",
    { headers: [INSIDE, "x-envoy-expected-rq-timeout-ms: 300"] },
    { answers: [SILENT] },
  ],
  [
    "stranger",
    "/",
    { headers: ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: 2"] },
    answering("500 Oh", "200 OK"),
  ],
  ["stranger-timeout", "/", { headers: ["x-envoy-upstream-rq-timeout-ms: 300"] }],
  ["stranger-internal", "/", { headers: ["x-envoy-internal: true"] }],
  [
    "outside",
    "/",
    { headers: ["x-forwarded-for: 192.0.2.1", "x-envoy-retry-on: 5xx"] },
    answering("500 Oh", "200 OK"),
  ],
  [
    "forwarded-twice",
    "/",
    { headers: ["x-forwarded-for: 10.1.2.3, 10.1.2.4", "x-envoy-retry-on: 5xx"] },
    answering("500 Oh", "200 OK"),
  ],
];

const on =
  (listener: string) =>
  ([name, target, parts, more]: Row): OracleCase => ({
    id: `${listener}/${name}`,
    config: STATIC,
    listener,
    steps: [{ send: request(target, parts) }],
    ...more,
  });

export const resilienceCases: readonly OracleCase[] = [
  ...rows.map(on("resilience")),
  ...trusted.map(on("trusting")),
];
