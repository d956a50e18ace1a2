/** What a trusted caller may ask for in fields of its request, and that the fields go no further. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { REQUEST_RETRIES_MAX } from "../core/limits.ts";
import { compileRetryPolicy, NO_RETRY, type RetryRule } from "../decision/retry-rule.ts";
import { RetryPolicySchema } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { takeOverrides } from "./request-overrides.ts";

function fieldsOf(fields: Readonly<Record<string, string>>): HeaderBlock {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) {
    headers.add(new HeaderField(new HeaderName(name), value));
  }
  return headers;
}

function ruleOf(policy: JsonObject): RetryRule {
  return compileRetryPolicy(fromJson(RetryPolicySchema, policy), "", []);
}

function asked(fields: Readonly<Record<string, string>>, rule = NO_RETRY, respects = false) {
  return takeOverrides(fieldsOf(fields), rule, respects);
}

test("a request that asks for nothing costs nothing", () => {
  assert.equal(asked({ "x-other": "1" }), undefined);
  assert.equal(asked({ "x-envoy-max-retries": "5" }), undefined, "of which retries?");
});

test("conditions add to those of the route, and bring one retry where it has none", () => {
  const alone = asked({ "x-envoy-retry-on": "5xx, bogus" })?.retry;
  assert.equal(alone?.on5xx, true);
  assert.equal(alone?.retriesMax, 1);
  const added = asked(
    { "x-envoy-retry-grpc-on": "unavailable", "x-envoy-max-retries": "4" },
    ruleOf({ retry_on: "connect-failure", num_retries: 2 }),
  )?.retry;
  assert.equal(added?.onConnectFailure, true);
  assert.deepEqual([...(added?.grpcStatuses ?? [])], [14]);
  assert.equal(added?.retriesMax, 4);
});

test("a caller sets the number of retries, within a bound", () => {
  const rule = ruleOf({ retry_on: "5xx", num_retries: 2 });
  assert.equal(asked({ "x-envoy-max-retries": "0" }, rule)?.retry.retriesMax, 0);
  assert.equal(
    asked({ "x-envoy-max-retries": "9999" }, rule)?.retry.retriesMax,
    REQUEST_RETRIES_MAX,
  );
  assert.equal(asked({ "x-envoy-max-retries": "many" }, rule), undefined);
});

test("statuses and header names count with their condition", () => {
  const retry = asked({
    "x-envoy-retry-on": "retriable-status-codes,retriable-headers",
    "x-envoy-retriable-status-codes": "418, 419,x",
    "x-envoy-retriable-header-names": "X-Busy",
  })?.retry;
  assert.deepEqual([...(retry?.statuses ?? [])], [418, 419]);
  assert.ok(retry?.responseTests[0]?.(fieldsOf({ "x-busy": "1" })));
  const without = asked({ "x-envoy-retry-on": "5xx", "x-envoy-retriable-status-codes": "418" });
  assert.equal(without?.retry.statuses.size, 0);
});

test("time limits and hedging are the caller's", () => {
  const overrides = asked({
    "x-envoy-upstream-rq-timeout-ms": "500",
    "x-envoy-upstream-rq-per-try-timeout-ms": "200",
    "x-envoy-hedge-on-per-try-timeout": "true",
  });
  assert.equal(overrides?.answerMs, 500);
  assert.equal(overrides?.retry.perTryTimeoutMs, 200);
  assert.equal(overrides?.retry.isHedged, true);
  const expected = {
    "x-envoy-expected-rq-timeout-ms": "300",
    "x-envoy-upstream-rq-timeout-ms": "9",
  };
  assert.equal(asked(expected, NO_RETRY, true)?.answerMs, 300);
  assert.equal(asked(expected, NO_RETRY, false)?.answerMs, 9);
  assert.equal(asked({ "x-envoy-upstream-rq-timeout-ms": "1s" }), undefined);
});

test("what was asked of this proxy is not asked of the next", () => {
  const headers = fieldsOf({
    "x-envoy-retry-on": "5xx",
    "x-envoy-retry-grpc-on": "internal",
    "x-envoy-max-retries": "1",
    "x-envoy-retriable-status-codes": "1",
    "x-envoy-retriable-header-names": "a",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-kept": "1",
  });
  takeOverrides(headers, NO_RETRY, false);
  const left: string[] = [];
  headers.forEach((name) => {
    left.push(name);
  });
  assert.deepEqual(left, ["x-kept"]);
});
