/** Which requests get which fault, for every form that Envoy's message has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { HTTPFaultSchema } from "../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { FieldError } from "../field-error.ts";
import type { RequestView } from "../request-view.ts";
import { abortOf, compileFault, delayOf, type FaultRule, isFaulty, rateOf } from "./fault-rule.ts";

type FaultInit = MessageInitShape<typeof HTTPFaultSchema>;

function compile(init: FaultInit): { readonly rule: FaultRule; readonly errors: FieldError[] } {
  const errors: FieldError[] = [];
  const rule = compileFault(
    anyPack(HTTPFaultSchema, create(HTTPFaultSchema, init)),
    "fault",
    errors,
  );
  assert.ok(rule);
  return { rule, errors };
}

function request(headers: Readonly<Record<string, string>> = {}, path = "/"): RequestView {
  return {
    method: "GET",
    path,
    query: "",
    authority: "app",
    scheme: "http",
    httpVersion: "HTTP/1.1",
    header: (name) => headers[name],
    headerValues: (name) => headers[name]?.split(",") ?? [],
  };
}

const TENTH = { numerator: 10, denominator: 0 };
const ALL = { numerator: 100, denominator: 0 };

test("a fixed delay takes its share of the requests, to the last millionth", () => {
  const { rule } = compile({
    delay: {
      faultDelaySecifier: { case: "fixedDelay", value: { seconds: 1n, nanos: 500_000_000 } },
      percentage: { numerator: 1, denominator: 2 },
    },
  });
  assert.equal(delayOf(rule.delay, request(), 0.000_000_9), 1500);
  assert.equal(delayOf(rule.delay, request(), 0.000_001), 0);
});

test("a share that is not given is none, as in Envoy", () => {
  const { rule } = compile({ abort: { errorType: { case: "httpStatus", value: 503 } } });
  assert.equal(abortOf(rule.abort, request(), 0), undefined);
});

test("requests say how long they wait, and may lower the share but not raise it", () => {
  const { rule } = compile({
    delay: { faultDelaySecifier: { case: "headerDelay", value: {} }, percentage: TENTH },
  });
  const asking = (percentage?: string): RequestView =>
    request({
      "x-envoy-fault-delay-request": "250",
      ...(percentage === undefined ? {} : { "x-envoy-fault-delay-request-percentage": percentage }),
    });
  assert.equal(delayOf(rule.delay, asking(), 0.09), 250);
  assert.equal(delayOf(rule.delay, asking("50"), 0.11), 0);
  assert.equal(delayOf(rule.delay, asking("5"), 0.06), 0);
  assert.equal(delayOf(rule.delay, asking("x"), 0.09), 250);
  assert.equal(delayOf(rule.delay, request(), 0), 0);
  assert.equal(delayOf(rule.delay, request({ "x-envoy-fault-delay-request": "soon" }), 0), 0);
  const long = request({ "x-envoy-fault-delay-request": "999999999999" });
  assert.equal(delayOf(rule.delay, long, 0), 300_000);
});

test("an abort is an HTTP status, a status of gRPC, or what the request asks for", () => {
  const abort = (errorType: NonNullable<FaultInit["abort"]>["errorType"]): FaultRule =>
    compile({ abort: { ...(errorType && { errorType }), percentage: ALL } }).rule;
  const http = abort({ case: "httpStatus", value: 418 });
  assert.deepEqual(abortOf(http.abort, request(), 0.99), { status: 418, grpcStatus: -1 });
  const grpc = abort({ case: "grpcStatus", value: 14 });
  assert.deepEqual(abortOf(grpc.abort, request(), 0.99), { status: 200, grpcStatus: 14 });
  const asked = abort({ case: "headerAbort", value: {} });
  const by = (headers: Readonly<Record<string, string>>) =>
    abortOf(asked.abort, request(headers), 0);
  assert.deepEqual(by({ "x-envoy-fault-abort-request": "500,501" }), {
    status: 500,
    grpcStatus: -1,
  });
  assert.deepEqual(by({ "x-envoy-fault-abort-grpc-request": "5" }), { status: 200, grpcStatus: 5 });
  assert.equal(by({ "x-envoy-fault-abort-request": "199" }), undefined);
  assert.equal(by({ "x-envoy-fault-abort-request": "600" }), undefined);
  assert.equal(by({}), undefined);
});

test("a rate is fixed, or the request's", () => {
  const fixed = compile({
    responseRateLimit: {
      limitType: { case: "fixedLimit", value: { limitKbps: 2n } },
      percentage: ALL,
    },
  }).rule;
  assert.equal(rateOf(fixed.rateLimit, request(), 0), 2048);
  const asked = compile({
    responseRateLimit: { limitType: { case: "headerLimit", value: {} }, percentage: ALL },
  }).rule;
  assert.equal(
    rateOf(asked.rateLimit, request({ "x-envoy-fault-throughput-response": "3" }), 0),
    3072,
  );
  assert.equal(rateOf(asked.rateLimit, request(), 0), 0);
});

test("cluster, caller and headers narrow a fault down", () => {
  const { rule } = compile({
    upstreamCluster: "app",
    downstreamNodes: ["storefront"],
    headers: [
      {
        name: "x-test",
        headerMatchSpecifier: {
          case: "stringMatch",
          value: { matchPattern: { case: "exact", value: "1" } },
        },
      },
    ],
  });
  const asked = request({ "x-test": "1", "x-envoy-downstream-service-node": "storefront" });
  assert.ok(isFaulty(rule, asked, "app"));
  assert.ok(!isFaulty(rule, asked, "other"));
  assert.ok(!isFaulty(rule, request({ "x-test": "1" }), "app"));
  const other = request({ "x-test": "2", "x-envoy-downstream-service-node": "storefront" });
  assert.ok(!isFaulty(rule, other, "app"));
});

test("what cannot be is an error with its path", () => {
  const { errors } = compile({
    delay: { percentage: ALL },
    abort: { errorType: { case: "httpStatus", value: 700 }, percentage: ALL },
    responseRateLimit: { limitType: { case: "fixedLimit", value: {} } },
  });
  assert.deepEqual(
    errors.map(({ path }) => path),
    ["fault.delay", "fault.abort.http_status", "fault.response_rate_limit.fixed_limit.limit_kbps"],
  );
});
