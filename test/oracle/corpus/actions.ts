/** What a route does to a request: header changes, rewrites, redirects, direct responses, mirrors, failures. */
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

const answer = (head: string, body = ""): UpstreamAnswer => ({
  write: [
    `HTTP/1.1 ${head}\r\nx-upstream: {label}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  ],
});
const answering = (...heads: string[]): Partial<OracleCase> => ({
  answers: heads.map((head) => answer(head)),
});
const changed = answering("200 OK\r\nx-changed: upstream\r\nx-drop: 1\r\nserver: app/1.0");
const SILENT: UpstreamAnswer = { write: [] };
const CLOSES: UpstreamAnswer = { write: [], ending: "end" };
const RESETS: UpstreamAnswer = { write: [], ending: "reset" };

const changes: readonly Row[] = [
  ["append", "/change/append", { headers: ["x-changed: client"] }, changed],
  ["append-absent", "/change/append"],
  ["if-absent", "/change/if-absent", { headers: ["x-changed: client"] }, changed],
  ["if-absent-absent", "/change/if-absent"],
  ["overwrite", "/change/overwrite", { headers: ["x-changed: a", "x-changed: b"] }, changed],
  ["overwrite-absent", "/change/overwrite"],
  ["overwrite-if-exists", "/change/overwrite-if-exists", { headers: ["X-Changed: c"] }, changed],
  ["overwrite-if-exists-absent", "/change/overwrite-if-exists"],
  ["remove", "/change/remove", { headers: ["X-Drop: 1", "x-drop: 2", "x-drop-too: 3"] }, changed],
  ["remove-then-add", "/change/remove-then-add", { headers: ["x-changed: client"] }],
  ["percent", "/change/percent"],
  ["host-and-route", "/", { host: "changes.example", headers: ["x-drop: 1", "x-from: client"] }],
];

const rewrites: readonly Row[] = [
  ["prefix", "/rewrite/prefix/a/b?x=1"],
  ["prefix-alone", "/rewrite/prefix/"],
  ["prefix-joined", "/rewrite/wholeness"],
  ["exact", "/rewrite/exact?x=1"],
  ["separated", "/rewrite/separated/a"],
  ["separated-alone", "/rewrite/separated?x"],
  ["regex", "/rewrite/regex/one/two?x=/regex/3/4"],
  ["regex-without-match", "/rewrite/regex/one"],
  ["regex-all", "/rewrite/all/1/22/x333?4"],
  ["host", "/rewrite/host"],
];

const redirects: readonly Row[] = [
  ...[
    ...["https", "scheme", "host", "host-with-port", "port", "port-80", "https-443", "path"],
    ...["path-with-query", "strip", "strip-path", "prefix", "regex"],
    ...["301", "302", "303", "307", "308"],
  ].map((name): Row => [name, `/redirect/${name}?a=1`]),
  ["https-from-port-80", "/redirect/https", { host: "shop.example:80" }],
  ["https-from-port-8080", "/redirect/https", { host: "shop.example:8080" }],
  ["host-from-port-8080", "/redirect/host", { host: "shop.example:8080" }],
  ["port-from-port-8080", "/redirect/port", { host: "shop.example:8080" }],
  ["path-from-port-8080", "/redirect/path", { host: "shop.example:8080" }],
  ["host-in-upper-case", "/redirect/path", { host: "SHOP.example" }],
  ["without-query", "/redirect/302"],
  ["empty-query", "/redirect/302?"],
  ["strip-empty-query", "/redirect/strip?"],
  ["post", "/redirect/308", { method: "POST", body: "data" }],
  ["head", "/redirect/301", { method: "HEAD" }],
  ["headers", "/redirect/headers"],
];

const directs: readonly Row[] = [
  ["body", "/direct"],
  ["head", "/direct", { method: "HEAD" }],
  ["post", "/direct", { method: "POST", body: "ignored" }],
  ["empty", "/direct/empty"],
  ["503", "/direct/503"],
  ["418", "/direct/418"],
  ["headers", "/direct/headers"],
];

const mirrors: readonly Row[] = [
  ["copy", "/mirror", { method: "POST", body: "twice" }, { received: 2 }],
  ["copy-with-port", "/mirror", { host: "shop.example:8080" }, { received: 2 }],
  ["same-host", "/mirror/plain", {}, { received: 2 }],
  ["missing-cluster", "/mirror/missing"],
  ["never", "/mirror/never"],
];

const failures: readonly Row[] = [
  ["missing-cluster", "/missing"],
  ["missing-cluster-404", "/missing/404"],
  ["missing-cluster-500", "/missing/500"],
  ["no-endpoints", "/empty"],
  ["no-endpoints-head", "/empty", { method: "HEAD" }],
  ["no-endpoints-post", "/empty", { method: "POST", body: "data" }],
  ["all-unhealthy", "/sick"],
  ["all-unhealthy-in-panic", "/panic"],
  ["draining-is-avoided", "/draining"],
  ["second-priority", "/second-priority"],
  ["connect-refused", "/dead"],
  ["circuit-breaker", "/full"],
  ["json-client", "/empty", { headers: ["accept: application/json"] }],
  ["timeout", "/timeout", {}, { answers: [SILENT], received: 1 }],
  ["timeout-post", "/timeout", { method: "POST", body: "data" }, { answers: [SILENT] }],
  ["timeout-not-reached", "/timeout/long"],
  ["timeout-none", "/timeout/none"],
  ["idle-stream-of-route", "/idle", {}, { answers: [SILENT] }],
];

const retries: readonly Row[] = [
  ["connect-failure", "/retry/connect-failure"],
  ["connect-failure-everywhere", "/retry/dead"],
  ["5xx", "/retry/5xx", {}, answering("500 Internal Server Error", "200 OK")],
  ["5xx-twice", "/retry/5xx", {}, answering("500 Internal Server Error", "503 Busy", "200 OK")],
  ["5xx-exhausted", "/retry/5xx", {}, answering("500 Internal Server Error")],
  ["5xx-not-4xx", "/retry/5xx", {}, answering("404 Not Found", "200 OK")],
  ["5xx-closed", "/retry/5xx", {}, { answers: [CLOSES, answer("200 OK")] }],
  [
    "5xx-post",
    "/retry/5xx",
    { method: "POST", body: "once more" },
    answering("502 Bad Gateway", "200 OK"),
  ],
  ["gateway-error", "/retry/gateway-error", {}, answering("502 Bad Gateway", "200 OK")],
  ["gateway-error-not-500", "/retry/gateway-error", {}, answering("500 Oh", "200 OK")],
  ["codes", "/retry/codes", {}, answering("409 Conflict", "200 OK")],
  ["codes-other", "/retry/codes", {}, answering("500 Oh", "200 OK")],
  ["reset", "/retry/reset", {}, { answers: [RESETS, answer("200 OK")] }],
  ["reset-closed", "/retry/reset", {}, { answers: [CLOSES, answer("200 OK")] }],
  ["reset-exhausted", "/retry/reset", {}, { answers: [CLOSES] }],
  [
    "reset-post",
    "/retry/reset",
    { method: "POST", body: "again" },
    { answers: [RESETS, answer("200 OK")] },
  ],
  ["before-request-is-too-late", "/retry/before-request", {}, { answers: [CLOSES] }],
  ["refused-stream-is-too-late", "/retry/refused", {}, { answers: [CLOSES] }],
  ["once", "/retry/once", {}, answering("500 Oh", "500 Oh", "200 OK")],
  ["never", "/retry/never", {}, answering("500 Oh", "200 OK")],
  ["per-try-timeout", "/retry/per-try", {}, { answers: [SILENT, answer("200 OK")] }],
  ["per-try-timeout-exhausted", "/retry/per-try", {}, { answers: [SILENT] }],
];

const onMain =
  (group: string) =>
  ([name, target, parts, more]: Row): OracleCase => ({
    id: `${group}/${name}`,
    config: STATIC,
    listener: "main",
    steps: [{ send: request(target, parts) }],
    ...more,
  });

const onOther = (
  listener: string,
  name: string,
  parts: RequestParts = {},
  more: Partial<OracleCase> = {},
): OracleCase => ({
  id: `${listener}/${name}`,
  config: STATIC,
  listener,
  steps: [{ send: request("/", parts) }],
  ...more,
});

const serverNamed = answering("200 OK\r\nserver: app/1.0");
const ownId = { headers: ["x-request-id: from-client"] };

export const actionCases: readonly OracleCase[] = [
  ...changes.map(onMain("change")),
  ...rewrites.map(onMain("rewrite")),
  ...redirects.map(onMain("redirect")),
  ...directs.map(onMain("direct")),
  ...mirrors.map(onMain("mirror")),
  ...failures.map(onMain("failure")),
  ...retries.map(onMain("retry")),
  onOther("silent", "plain"),
  onOther("silent", "server", {}, serverNamed),
  onOther("server-named", "plain"),
  onOther("server-named", "server", {}, serverNamed),
  onOther("server-if-absent", "plain"),
  onOther("server-if-absent", "server", {}, serverNamed),
  onOther("request-id-returned", "client's", ownId),
  onOther("request-id-returned", "made"),
  onOther("request-id-returned", "upstream's", ownId, answering("200 OK\r\nx-request-id: app")),
  onOther("no-request-id", "none"),
  onOther("no-request-id", "client's", ownId),
  onOther("edge", "plain"),
  onOther("edge", "forwarded", { headers: ["x-forwarded-for: 203.0.113.7"] }),
  onOther("edge", "forwarded-proto", { headers: ["x-forwarded-proto: https"] }),
  onOther("edge", "request-id", ownId),
  onOther("table-changes", "all-levels", {
    host: "changes.example",
    headers: ["x-table-drop: 1", "x-from: client"],
  }),
  ...["empty", "dead", "nowhere", "direct", "redirect"].map(
    (name): OracleCase => ({
      ...onOther("table-changes", `answer-of-${name}`),
      steps: [{ send: request(`/${name}`, { host: "failures.example" }) }],
    }),
  ),
  onOther("idle-stream", "silent-upstream", {}, { answers: [SILENT] }),
  ...["missing", "empty", "dead", "direct", "named/dead", "named/direct", "redirect/host"].map(
    (name): OracleCase => ({
      ...onOther("replies-named", name),
      steps: [{ send: request(`/${name}`) }],
    }),
  ),
  onOther("replies-named", "no-route", { host: "strict.example" }),
  onOther("replies-named", "no-host", { host: "nobody.example" }),
  onOther("replies-named", "upstream's"),
];
