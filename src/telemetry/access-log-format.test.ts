/** Access log lines: the default, every operator, both forms, and what a format may not say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AccessLogEntry,
  defaultLineFormat,
  jsonLineFormat,
  OPERATOR_NAMES,
  textLineFormat,
} from "./access-log-format.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "user-agent": 'curl/8 "x"',
  "x-request-id": "id-1",
  traceparent: "00-a-b-01",
};

const FULL: AccessLogEntry = {
  startTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  method: "GET",
  path: "/a?b=c",
  protocol: "HTTP/1.1",
  responseCode: 503,
  responseFlags: "UF",
  responseCodeDetails: "details",
  bytesReceived: 10,
  bytesSent: 20,
  durationMs: 12.6,
  upstreamServiceTimeMs: 11.4,
  routeName: "route",
  authority: "shop",
  upstreamHost: "127.0.0.1:80",
  upstreamCluster: "outbound|80||shop",
  upstreamFailureReason: "refused",
  downstreamLocalAddress: "127.0.0.1:1",
  downstreamRemoteAddress: "127.0.0.1:2",
  requestedServerName: "sni",
  peerPrincipal: "spiffe://a/ns/b/sa/c",
  attempts: 2,
  grpcStatus: 4,
  requestHeader: (name) => HEADERS[name],
};

/** A request that never got further than its first line. */
const BARE: AccessLogEntry = {
  ...FULL,
  upstreamServiceTimeMs: undefined,
  routeName: undefined,
  authority: undefined,
  upstreamHost: undefined,
  upstreamCluster: undefined,
  upstreamFailureReason: undefined,
  requestedServerName: undefined,
  peerPrincipal: undefined,
  requestHeader: () => undefined,
  grpcStatus: undefined,
};

function text(format: string, entry = FULL): string {
  return textLineFormat(format, (message) => assert.fail(message))(entry);
}

function problems(format: string): readonly string[] {
  const found: string[] = [];
  textLineFormat(format, (message) => found.push(message));
  return found;
}

const VALUES: Readonly<Record<string, string>> = {
  START_TIME: "2026-01-02T03:04:05.678Z",
  METHOD: "GET",
  PATH: "/a?b=c",
  PROTOCOL: "HTTP/1.1",
  RESPONSE_CODE: "503",
  RESPONSE_FLAGS: "UF",
  RESPONSE_CODE_DETAILS: "details",
  CONNECTION_TERMINATION_DETAILS: "-",
  BYTES_RECEIVED: "10",
  BYTES_SENT: "20",
  DURATION: "13",
  ROUTE_NAME: "route",
  UPSTREAM_HOST: "127.0.0.1:80",
  UPSTREAM_CLUSTER: "outbound|80||shop",
  UPSTREAM_LOCAL_ADDRESS: "-",
  UPSTREAM_TRANSPORT_FAILURE_REASON: "refused",
  UPSTREAM_REQUEST_ATTEMPT_COUNT: "2",
  DOWNSTREAM_LOCAL_ADDRESS: "127.0.0.1:1",
  DOWNSTREAM_REMOTE_ADDRESS: "127.0.0.1:2",
  DOWNSTREAM_PEER_URI_SAN: "spiffe://a/ns/b/sa/c",
  REQUESTED_SERVER_NAME: "sni",
  GRPC_STATUS: "DeadlineExceeded",
  GRPC_STATUS_NUMBER: "4",
  "REQ(USER-AGENT)": 'curl/8 "x"',
  "RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)": "11",
};

test("every operator writes its value", () => {
  for (const [operator, value] of Object.entries(VALUES)) {
    assert.equal(text(`<%${operator}%>`), `<${value}>`);
  }
  const tested = Object.keys(VALUES).map((operator) => operator.replace(/\(.*/, ""));
  assert.deepEqual(tested.sort(), OPERATOR_NAMES);
});

test("missing values are - in text", () => {
  const format = "%ROUTE_NAME% %REQ(X)% %RESP(X-Envoy-Upstream-Service-Time)% %UPSTREAM_HOST%";
  assert.equal(text(format, BARE), "- - - -");
});

test("a status of gRPC is written in three ways, and is missing for other requests", () => {
  const format = "%GRPC_STATUS(CAMEL_STRING)% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)%";
  assert.equal(text(format), "DeadlineExceeded DEADLINE_EXCEEDED 4");
  assert.equal(text(format, BARE), "- - -");
  assert.deepEqual(problems("%GRPC_STATUS(x)%"), [
    "GRPC_STATUS takes CAMEL_STRING, SNAKE_STRING or NUMBER",
  ]);
});

test("REQ reads pseudo-headers, and a second name when the first is missing", () => {
  assert.equal(text("%REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)%"), "GET shop/a?b=c");
  assert.equal(text("%REQ(X-MISSING?USER-AGENT)%"), 'curl/8 "x"');
  assert.equal(text("%REQ(X-REQUEST-ID?USER-AGENT)%"), "id-1");
  assert.equal(text("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"), "/a?b=c");
});

test("text around operators stays, %% is a percent sign, and a length cuts a value", () => {
  assert.equal(text("[%METHOD%] 100%% %PATH:2%|%RESPONSE_CODE:1%\n"), "[GET] 100% /a|5\n");
  assert.equal(text("%REQ(USER-AGENT):4%"), "curl");
  assert.equal(text("%REQ(X):4%"), "-");
});

test("bytes of headers are read as UTF-8", () => {
  const wire = Buffer.from("café").toString("latin1");
  assert.equal(text("%REQ(X)%", { ...FULL, requestHeader: () => wire }), "café");
});

test("the default line is JSON with Istio's keys first, each with its type", () => {
  const line = defaultLineFormat()(FULL);
  assert.ok(line.endsWith("}\n"));
  assert.equal(line.indexOf("\n"), line.length - 1);
  const parsed: unknown = JSON.parse(line);
  assert.deepEqual(parsed, {
    start_time: "2026-01-02T03:04:05.678Z",
    route_name: "route",
    method: "GET",
    path: "/a?b=c",
    protocol: "HTTP/1.1",
    response_code: 503,
    response_flags: "UF",
    response_code_details: "details",
    connection_termination_details: null,
    bytes_received: 10,
    bytes_sent: 20,
    duration: 13,
    upstream_service_time: 11,
    x_forwarded_for: null,
    user_agent: 'curl/8 "x"',
    request_id: "id-1",
    authority: "shop",
    upstream_host: "127.0.0.1:80",
    upstream_cluster: "outbound|80||shop",
    upstream_local_address: null,
    downstream_local_address: "127.0.0.1:1",
    downstream_remote_address: "127.0.0.1:2",
    requested_server_name: "sni",
    upstream_transport_failure_reason: "refused",
    attempts: 2,
    source_principal: "spiffe://a/ns/b/sa/c",
    traceparent: "00-a-b-01",
  });
  const bare = JSON.parse(defaultLineFormat()(BARE)) as Record<string, unknown>;
  assert.equal(bare["upstream_host"], null);
  assert.equal(bare["upstream_service_time"], null);
});

test("in JSON a lone operator keeps its type, and mixed text is text", () => {
  const fields = { code: "%RESPONSE_CODE%", both: "%RESPONSE_CODE% %ROUTE_NAME%", plain: "x" };
  const line = jsonLineFormat(fields, (key, message) => assert.fail(`${key}: ${message}`))(BARE);
  assert.deepEqual(JSON.parse(line), { code: 503, both: "503 -", plain: "x" });
});

test("nothing that a client sends can break a JSON line", () => {
  const requestHeader = (name: string): string | undefined =>
    name === "x-envoy-original-path" ? undefined : "a\r\nb";
  const hostile = { ...FULL, path: '/"},\n{"x":"\u2028', requestHeader };
  const line = defaultLineFormat()(hostile);
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.equal((JSON.parse(line) as { path: string }).path.startsWith('/"},\n'), true);
});

test("what a format cannot say is reported", () => {
  assert.match(problems("%NO_SUCH%")[0] ?? "", /^the operator %NO_SUCH% is not implemented; there/);
  assert.deepEqual(problems("%START_TIME(%Y)%"), [
    "an argument of %START_TIME% is not implemented",
  ]);
  assert.deepEqual(problems("%RESP(SERVER)%"), [
    "only RESP(X-ENVOY-UPSTREAM-SERVICE-TIME) is implemented",
  ]);
  for (const format of ["%REQ%", "%REQ()%", "%REQ(?X)%", "%REQ(X?)%", "%REQ(A?B?C)%"]) {
    assert.deepEqual(problems(format), ["REQ needs a header name, or two with ? between them"]);
  }
  for (const [format, at] of [
    ["100%", 3],
    ["ab%req(x)%", 2],
    ["%METHOD% %%% x", 11],
  ] as const) {
    assert.deepEqual(problems(format), [
      `the % at position ${at} begins no operator; write %% for a percent sign`,
    ]);
  }
  const reported: string[] = [];
  jsonLineFormat({ a: "%X%", b: "%" }, (key) => reported.push(key));
  assert.deepEqual(reported, ["a", "b"]);
});
