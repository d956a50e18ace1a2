/** HealthCheck messages: defaults, and what is refused with its path. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { compileHealthCheck, type HealthCheckSettings } from "./health-check-config.ts";
import type { ProtocolChoice } from "./upstream-http-config.ts";

const REQUIRED = { timeout: "1s", interval: "5s", unhealthy_threshold: 3, healthy_threshold: 2 };

function compile(
  checks: JsonObject[],
  protocol: ProtocolChoice = "http1",
): { readonly settings: HealthCheckSettings | undefined; readonly errors: readonly string[] } {
  const errors: FieldError[] = [];
  const message = fromJson(ClusterSchema, { health_checks: checks });
  const settings = compileHealthCheck(message, protocol, errors);
  return { settings, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

test("a cluster without health checks has none", () => {
  assert.equal(compile([]).settings, undefined);
});

test("what is not said has Envoy's defaults", () => {
  const { settings, errors } = compile([{ ...REQUIRED, http_health_check: { path: "/" } }]);
  assert.deepEqual(errors, []);
  assert.deepEqual(settings?.intervals, {
    healthyMs: 5_000,
    healthyEdgeMs: 5_000,
    unhealthyMs: 5_000,
    unhealthyEdgeMs: 5_000,
    noTrafficMs: 60_000,
    noTrafficHealthyMs: 60_000,
    initialJitterMs: 0,
    jitterMs: 0,
    jitterPercent: 0,
  });
  assert.equal(settings?.reusesConnection, true);
  const { probe } = settings;
  assert.ok(probe.kind === "http");
  const { codec, method, expected, retriable, bodyBytesMax } = probe;
  assert.deepEqual(
    { codec, method, expected, retriable, bodyBytesMax },
    {
      ...{ codec: "http1", method: "GET", expected: [{ start: 200, end: 201 }] },
      ...{ retriable: [], bodyBytesMax: 1024 },
    },
  );
});

test("what Envoy refuses is refused", () => {
  const at = "health_checks[0]";
  assert.deepEqual(compile([{ tcp_health_check: {} }]).errors, [
    `${at}.timeout: is required`,
    `${at}.unhealthy_threshold: is required`,
    `${at}.healthy_threshold: is required`,
    `${at}.interval: is required`,
  ]);
  assert.deepEqual(compile([REQUIRED]).errors, [
    `${at}: http_health_check, grpc_health_check or tcp_health_check is required`,
  ]);
  const two = [
    { ...REQUIRED, tcp_health_check: {} },
    { ...REQUIRED, tcp_health_check: {} },
  ];
  assert.deepEqual(compile(two).errors, ["health_checks[1]: a cluster has one health check"]);
  const grpc = [{ ...REQUIRED, grpc_health_check: {} }];
  assert.deepEqual(compile(grpc).errors, [
    `${at}.grpc_health_check: needs a cluster that speaks HTTP/2: add http2_protocol_options`,
  ]);
  assert.deepEqual(compile(grpc, "http2").errors, []);
});

test("an HTTP check that cannot be sent or read is refused", () => {
  const at = "health_checks[0].http_health_check";
  const http_health_check = {
    path: "/a b",
    method: "CONNECT",
    send: { text: "6" },
    receive: [{ text: "zz" }, { text: "" }],
    expected_statuses: [{ start: 300, end: 200 }],
    retriable_statuses: [{ start: 500, end: 700 }],
    codec_client_type: "HTTP3",
  };
  assert.deepEqual(compile([{ ...REQUIRED, http_health_check }]).errors, [
    `${at}.path: printable ASCII without blanks is required`,
    `${at}.method: CONNECT opens a tunnel: use another method`,
    `${at}.send.text: two hexadecimal digits for each byte`,
    `${at}.codec_client_type: HTTP3 is not implemented`,
    `${at}.expected_statuses[0]: 300 to 200 must be within 100 to 600, its end above its start`,
    `${at}.retriable_statuses[0]: 500 to 700 must be within 100 to 600, its end above its start`,
    `${at}.receive[0].text: two hexadecimal digits for each byte`,
    `${at}.receive[0]: must not be empty`,
    `${at}.receive[1]: must not be empty`,
  ]);
  const body = { path: "/", send: { text: "61" } };
  assert.deepEqual(compile([{ ...REQUIRED, http_health_check: body }]).errors, [
    `${at}.send: GET has no body: use POST, PUT, PATCH or OPTIONS`,
  ]);
});
