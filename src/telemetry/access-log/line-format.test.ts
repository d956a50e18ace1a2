/** Access log lines: every operator, both forms, what is missing, and what a format may not say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SAMPLE_ENTRY } from "../../../test/support/access-log-sample.ts";
import { FORMAT_OPERATORS } from "../../core/substitution-format.ts";
import { FLAG } from "../response-flag.ts";
import { ISTIO_JSON_FORMAT } from "./istio-format.ts";
import { type JsonTemplate, jsonLineFormat, textLineFormat } from "./line-format.ts";
import type { AccessLogEntry } from "./log-entry.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "user-agent": 'curl/8 "x"',
  "x-request-id": "id-1",
  authorization: "Bearer abc",
  referer: "http://a/b?token=abc&x=1",
};
const ANSWER: Readonly<Record<string, string>> = {
  "content-type": "text/plain",
  "set-cookie": "a=b",
};

const FULL: AccessLogEntry = {
  ...SAMPLE_ENTRY,
  path: "/a?b=c&token=x",
  authority: "shop",
  responseCode: 503,
  flag: FLAG.UF,
  responseCodeDetails: "details",
  connectionTerminationDetails: "closed",
  bytesReceived: 10,
  bytesSent: 20,
  wireBytesReceived: 110,
  wireBytesSent: 120,
  requestDurationMs: 3.2,
  responseDurationMs: 11.6,
  upstreamServiceTimeMs: 8.4,
  routeName: "route",
  upstreamHost: "127.0.0.1:80",
  upstreamFailureReason: "refused",
  localHost: "127.0.0.1",
  localPort: 1,
  remoteHost: "10.0.0.1",
  remotePort: 0,
  directRemoteHost: "127.0.0.2",
  directRemotePort: 2,
  requestedServerName: "sni",
  tlsVersion: "TLSv1.3",
  tlsCipher: "TLS_AES_256_GCM_SHA384",
  peerPrincipal: "spiffe://a/ns/b/sa/c",
  peer: {
    digest: "abcd",
    certificateText: "pem",
    names: { dnsNames: ["a", "b"], subject: "CN=a", issuer: "CN=ca", serial: "01" },
  },
  attempts: 2,
  grpcStatus: 4,
  requestBody: Buffer.from('{"a":1,"password":"x","card":"42"}'),
  requestHeader: (name) => HEADERS[name],
  responseHeader: (name) => ANSWER[name],
  trailer: (name) => (name === "grpc-status" ? "4" : undefined),
  metadata: (namespace, path) => (namespace === "f" && path[0] === "k" ? { n: 1 } : undefined),
};

/** A request that never got further than its first line. */
const BARE: AccessLogEntry = {
  ...FULL,
  ...{ upstreamServiceTimeMs: undefined, responseDurationMs: undefined, routeName: undefined },
  ...{ authority: undefined, upstreamHost: undefined, upstreamCluster: undefined },
  ...{ upstreamFailureReason: undefined, requestedServerName: undefined, peer: undefined },
  ...{ peerPrincipal: undefined, grpcStatus: undefined, requestBody: undefined },
  requestHeader: () => undefined,
  responseHeader: () => undefined,
};

const OPTIONS = {
  omitsEmpty: false,
  surroundings: { environment: { REGION: "eu" }, hostname: "machine" },
};

function text(format: string, entry = FULL, omitsEmpty = false): string {
  const options = { ...OPTIONS, omitsEmpty };
  return textLineFormat(format, options, (message) => assert.fail(message))(entry);
}

function json(fields: { readonly [key: string]: JsonTemplate }, entry = FULL, omitsEmpty = false) {
  const report = (key: string, message: string): never => assert.fail(`${key}: ${message}`);
  const line = jsonLineFormat(fields, { ...OPTIONS, omitsEmpty }, report)(entry);
  assert.equal(line.indexOf("\n"), line.length - 1);
  return JSON.parse(line) as Record<string, unknown>;
}

function problems(format: string): readonly string[] {
  const found: string[] = [];
  textLineFormat(format, OPTIONS, (message) => found.push(message));
  return found;
}

const VALUES: Readonly<Record<string, string>> = {
  START_TIME: "2026-01-02T03:04:05.678Z",
  EMIT_TIME: "2026-01-02T03:04:05.690Z",
  ACCESS_LOG_TYPE: "DownstreamEnd",
  METHOD: "GET",
  PATH: "/a?b=c&token=[redacted]",
  PROTOCOL: "HTTP/1.1",
  RESPONSE_CODE: "503",
  RESPONSE_FLAGS: "UF",
  RESPONSE_FLAGS_LONG: "UpstreamConnectionFailure",
  RESPONSE_CODE_DETAILS: "details",
  CONNECTION_TERMINATION_DETAILS: "closed",
  BYTES_RECEIVED: "10",
  BYTES_SENT: "20",
  DOWNSTREAM_WIRE_BYTES_RECEIVED: "110",
  DOWNSTREAM_WIRE_BYTES_SENT: "120",
  DURATION: "13",
  REQUEST_DURATION: "3",
  REQUEST_TX_DURATION: "3",
  RESPONSE_DURATION: "12",
  RESPONSE_TX_DURATION: "1",
  ROUTE_NAME: "route",
  UPSTREAM_HOST: "127.0.0.1:80",
  UPSTREAM_REMOTE_ADDRESS: "127.0.0.1:80",
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: "127.0.0.1",
  UPSTREAM_REMOTE_PORT: "80",
  UPSTREAM_CLUSTER: "outbound|80||catalog.default.svc.tulle.local",
  UPSTREAM_CLUSTER_RAW: "outbound|80||catalog.default.svc.tulle.local",
  UPSTREAM_LOCAL_ADDRESS: "-",
  UPSTREAM_TRANSPORT_FAILURE_REASON: "refused",
  UPSTREAM_REQUEST_ATTEMPT_COUNT: "2",
  DOWNSTREAM_LOCAL_ADDRESS: "127.0.0.1:1",
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: "127.0.0.1",
  DOWNSTREAM_LOCAL_PORT: "1",
  DOWNSTREAM_REMOTE_ADDRESS: "10.0.0.1:0",
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: "10.0.0.1",
  DOWNSTREAM_REMOTE_PORT: "0",
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: "127.0.0.2:2",
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: "127.0.0.2",
  DOWNSTREAM_DIRECT_REMOTE_PORT: "2",
  DOWNSTREAM_PEER_URI_SAN: "spiffe://a/ns/b/sa/c",
  DOWNSTREAM_PEER_DNS_SAN: "a,b",
  DOWNSTREAM_PEER_SUBJECT: "CN=a",
  DOWNSTREAM_PEER_ISSUER: "CN=ca",
  DOWNSTREAM_PEER_SERIAL: "01",
  DOWNSTREAM_PEER_FINGERPRINT_256: "abcd",
  DOWNSTREAM_PEER_CERT: "pem",
  DOWNSTREAM_TLS_VERSION: "TLSv1.3",
  DOWNSTREAM_TLS_CIPHER: "TLS_AES_256_GCM_SHA384",
  REQUESTED_SERVER_NAME: "sni",
  GRPC_STATUS: "DeadlineExceeded",
  GRPC_STATUS_NUMBER: "4",
  HOSTNAME: "machine",
  STREAM_ID: "7e3a1f0c-9d0b-4f7e-8a55-0d3a6d3c1b2e",
  TRACE_ID: "4bf92f3577b34da6a3ce929d0e0e4736",
  SPAN_ID: "00f067aa0ba902b7",
  "REQ(USER-AGENT)": 'curl/8 "x"',
  "RESP(CONTENT-TYPE)": "text/plain",
  "TRAILER(GRPC-STATUS)": "4",
  "QUERY_PARAM(b)": "c",
  "ENVIRONMENT(REGION)": "eu",
  "METADATA(CLUSTER:istio:services)": `[${JSON.stringify(SAMPLE_ENTRY.service)}]`,
  "DYNAMIC_METADATA(f:k)": '{"n":1}',
};

test("every operator writes its value", () => {
  for (const [operator, value] of Object.entries(VALUES)) {
    assert.equal(text(`<%${operator}%>`), `<${value}>`, operator);
  }
  const tested = Object.keys(VALUES).map((operator) => operator.replace(/\(.*/, ""));
  assert.deepEqual(tested.sort(), FORMAT_OPERATORS);
});

test("missing values are - in text, or nothing where they are left out", () => {
  const format = "%ROUTE_NAME% %REQ(X)% %RESP(X-Envoy-Upstream-Service-Time)% %UPSTREAM_HOST%";
  assert.equal(text(format, BARE), "- - - -");
  assert.equal(text(format, BARE, true), "   ");
});

test("a status of gRPC is written in three ways, and is missing for other requests", () => {
  const format = "%GRPC_STATUS(CAMEL_STRING)% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)%";
  assert.equal(text(format), "DeadlineExceeded DEADLINE_EXCEEDED 4");
  assert.equal(text(format, BARE), "- - -");
});

test("fields, pseudo-headers, and a second name where the first is missing", () => {
  assert.equal(
    text("%REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)%"),
    "GET shop/a?b=c&token=[redacted]",
  );
  assert.equal(text("%REQ(X-MISSING?USER-AGENT)%"), 'curl/8 "x"');
  assert.equal(text("%RESP(:STATUS)% %RESP(X?CONTENT-TYPE)%"), "503 text/plain");
  assert.equal(text("%PATH(NQ)% %PATH(WQ:ORIG)%"), "/a /a?b=c&token=[redacted]");
});

test("a length cuts a value", () => {
  assert.equal(text("%REQ(:METHOD):2%|%RESPONSE_CODE:1%\n"), "GE|5\n");
  assert.equal(text("%REQ(USER-AGENT):4%"), "curl");
  assert.equal(text("%REQ(X):4%"), "-");
});

test("times follow strftime", () => {
  assert.equal(
    text("%START_TIME(%Y/%m/%dT%H:%M:%S%z %s %j %b %a %T.%3f %E3S %F)%"),
    "2026/01/02T03:04:05+0000 1767323045 002 Jan Fri 03:04:05.678 05.678 2026-01-02",
  );
  assert.deepEqual(problems("%START_TIME(%Q)%").length, 1);
});

test("bytes of headers are read as UTF-8", () => {
  const wire = Buffer.from("café").toString("latin1");
  assert.equal(text("%REQ(X)%", { ...FULL, requestHeader: () => wire }), "café");
});

test("credentials are never written", () => {
  assert.equal(text("%REQ(AUTHORIZATION)% %RESP(SET-COOKIE)%"), "[redacted] [redacted]");
  assert.equal(text("%REQ(AUTHORIZATION)%", BARE), "-");
  assert.equal(text("%REQ(REFERER)%"), "http://a/b?token=[redacted]&x=1");
  assert.equal(text("%QUERY_PARAM(token)%"), "[redacted]");
  assert.equal(
    text("%DYNAMIC_METADATA(tulle.capture:request_body:1000:card)%"),
    '{"a":1,"password":"[redacted]","card":"[redacted]"}',
  );
  assert.equal(text("%DYNAMIC_METADATA(tulle.capture:request_body:5)%"), '{"a":');
  assert.equal(text("%DYNAMIC_METADATA(tulle.capture:response_body:5)%"), "-");
});

test("JSON keeps types, nests, and writes null or leaves out what is missing", () => {
  const fields = {
    code: "%RESPONSE_CODE%",
    both: "%RESPONSE_CODE% %REQ(X)%",
    services: "%METADATA(CLUSTER:istio:services)%",
    host: "%METADATA(CLUSTER:istio:services:0:name)%",
    in: { list: ["%PROTOCOL%", "%REQ(X)%", 1], flag: true, none: null, fixed: 'a"b' },
    missing: "%REQ(X)%",
    empty: { x: "%REQ(X)%" },
  };
  const shared = {
    code: 503,
    services: [SAMPLE_ENTRY.service],
    host: "catalog",
  };
  assert.deepEqual(json(fields), {
    ...shared,
    both: "503 -",
    in: { list: ["HTTP/1.1", null, 1], flag: true, none: null, fixed: 'a"b' },
    missing: null,
    empty: { x: null },
  });
  assert.deepEqual(json(fields, FULL, true), {
    ...shared,
    both: "503 ",
    in: { list: ["HTTP/1.1", 1], flag: true, none: null, fixed: 'a"b' },
  });
});

test("the default line has Istio's keys in its order", () => {
  const line = json(ISTIO_JSON_FORMAT);
  assert.deepEqual(Object.keys(line), Object.keys(ISTIO_JSON_FORMAT));
  assert.equal(Object.keys(line).length, 27);
  assert.equal(line["duration"], 13);
  assert.equal(line["user_agent"], 'curl/8 "x"');
  assert.equal(line["upstream_local_address"], null);
});

test("nothing that a client sends can break a JSON line", () => {
  const requestHeader = (name: string): string | undefined =>
    name === "x-envoy-original-path" ? undefined : "a\r\nb";
  const hostile = { ...FULL, path: '/"},\n{"x":"\u0001', requestHeader };
  assert.equal(json(ISTIO_JSON_FORMAT, hostile)["path"], '/"},\n{"x":"\u0001');
});

test("what an operator cannot say is reported", () => {
  assert.deepEqual(problems("%GRPC_STATUS(x)%"), [
    "GRPC_STATUS takes CAMEL_STRING, SNAKE_STRING or NUMBER",
  ]);
  for (const format of ["%REQ(?X)%", "%REQ(X?)%", "%REQ(A?B?C)%"]) {
    assert.deepEqual(problems(format), ["REQ needs a header name, or two with ? between them"]);
  }
  assert.match(problems("%PATH(XX)%")[0] ?? "", /PATH takes WQ or NQ/);
  assert.match(problems("%METADATA(ROUTE:a:b)%")[0] ?? "", /only DYNAMIC and CLUSTER/);
  const reported: string[] = [];
  jsonLineFormat({ a: "%X%", b: { c: ["%"] } }, OPTIONS, (key) => reported.push(key));
  assert.deepEqual(reported, ["a", "b.c[0]"]);
});
