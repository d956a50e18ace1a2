/** Which failures each condition of `retry_on` covers, and the limits of a retry policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { compiledRoute, routeErrors } from "../../test/support/routing-fixture.ts";
import type { RetryRule } from "./retry-rule.ts";

function ruleOf(policy: JsonObject): RetryRule {
  const route = { cluster: "c", retry_policy: policy };
  const { action } = compiledRoute({ match: { prefix: "/" }, route });
  assert.ok(action.kind === "forward");
  return action.retry;
}

function errorsOf(policy: JsonObject): readonly string[] {
  const route = { cluster: "c", retry_policy: policy };
  return routeErrors({ match: { prefix: "/" }, route }).map((error) =>
    error.replace("route.retry_policy.", ""),
  );
}

type Failure =
  | "onConnectFailure"
  | "onResetBeforeRequest"
  | "onRefusedStream"
  | "onReset"
  | "on5xx"
  | "onGatewayError";

const COVERED: Readonly<Record<string, readonly Failure[]>> = {
  "connect-failure": ["onConnectFailure"],
  "refused-stream": ["onRefusedStream"],
  "reset-before-request": ["onConnectFailure", "onResetBeforeRequest", "onRefusedStream"],
  reset: ["onConnectFailure", "onResetBeforeRequest", "onRefusedStream", "onReset"],
  "5xx": ["onConnectFailure", "onResetBeforeRequest", "onRefusedStream", "onReset", "on5xx"],
  "gateway-error": [
    "onConnectFailure",
    "onResetBeforeRequest",
    "onRefusedStream",
    "onReset",
    "onGatewayError",
  ],
  "retriable-status-codes": [],
  "retriable-headers": [],
  unavailable: [],
};
const FAILURES: readonly Failure[] = [
  "onConnectFailure",
  "onResetBeforeRequest",
  "onRefusedStream",
  "onReset",
  "on5xx",
  "onGatewayError",
];

for (const [condition, covered] of Object.entries(COVERED)) {
  test(`${condition} covers ${covered.join(", ") || "no lost connection"}`, () => {
    const rule = ruleOf({ retry_on: condition });
    for (const failure of FAILURES) assert.equal(rule[failure], covered.includes(failure), failure);
    assert.equal(rule.retriesMax, 1);
  });
}

test("status codes count only with their condition", () => {
  const codes = { retriable_status_codes: [503, 429] };
  const rule = ruleOf({ retry_on: "retriable-status-codes", ...codes });
  assert.deepEqual([...rule.statuses], [503, 429]);
  assert.equal(ruleOf({ retry_on: "connect-failure", ...codes }).statuses.size, 0);
});

test("conditions of gRPC are codes", () => {
  const rule = ruleOf({
    retry_on: "cancelled,deadline-exceeded,internal,resource-exhausted,unavailable",
  });
  assert.deepEqual([...rule.grpcStatuses], [1, 4, 13, 8, 14]);
  assert.equal(ruleOf({ retry_on: "5xx" }).grpcStatuses.size, 0);
});

test("headers count only with their condition, and only by their presence", () => {
  const headers = { retriable_headers: [{ name: "X-Undelivered", present_match: true }] };
  assert.deepEqual(ruleOf({ retry_on: "retriable-headers", ...headers }).headers, [
    "x-undelivered",
  ]);
  assert.deepEqual(ruleOf({ retry_on: "5xx", ...headers }).headers, []);
  const others = [
    { name: "x", string_match: { exact: "1" } },
    { name: "x", present_match: false },
    { name: "x", invert_match: true },
  ];
  assert.deepEqual(
    errorsOf({ retry_on: "retriable-headers", retriable_headers: others }),
    others.map(
      (_, index) => `retriable_headers[${index}]: only present_match: true is implemented`,
    ),
  );
});

test("conditions stand in a list with or without blanks; without any nothing is retried", () => {
  const rule = ruleOf({ retry_on: " connect-failure , 5xx,", num_retries: 3 });
  assert.equal(rule.on5xx, true);
  assert.equal(rule.retriesMax, 3);
  assert.equal(ruleOf({ num_retries: 3 }).retriesMax, 0);
  assert.equal(ruleOf({ retry_on: "5xx", num_retries: 0 }).retriesMax, 0);
});

test("times are milliseconds, with Envoy's defaults", () => {
  const plain = ruleOf({ retry_on: "5xx" });
  assert.equal(plain.perTryTimeoutMs, 0);
  assert.equal(plain.backoffBaseMs, 25);
  assert.equal(plain.backoffMaxMs, 250);
  const timed = ruleOf({
    retry_on: "5xx",
    per_try_timeout: "0.5s",
    retry_back_off: { base_interval: "0.1s" },
  });
  assert.equal(timed.perTryTimeoutMs, 500);
  assert.equal(timed.backoffBaseMs, 100);
  assert.equal(timed.backoffMaxMs, 1_000);
  const short = { base_interval: "0.0001s", max_interval: "0.0002s" };
  const rounded = ruleOf({ retry_on: "5xx", retry_back_off: short });
  assert.equal(rounded.backoffBaseMs, 1);
  assert.equal(rounded.backoffMaxMs, 1);
});

test("what cannot be meant is refused at its path", () => {
  assert.deepEqual(errorsOf({ retry_on: "5xx,bogus" }), [
    'retry_on: "bogus" is not implemented; use connect-failure, refused-stream, reset-before-request, reset, 5xx, gateway-error, retriable-status-codes, retriable-headers, cancelled, deadline-exceeded, internal, resource-exhausted, unavailable',
  ]);
  assert.deepEqual(errorsOf({ retry_on: "5xx", per_try_timeout: "-1s" }), [
    "per_try_timeout: must not be negative",
  ]);
  assert.deepEqual(errorsOf({ retry_on: "5xx", retry_back_off: {} }), [
    "retry_back_off.base_interval: a duration above 0 is required",
  ]);
  const shrinking = { base_interval: "2s", max_interval: "1s" };
  assert.deepEqual(errorsOf({ retry_on: "5xx", retry_back_off: shrinking }), [
    "retry_back_off.max_interval: must not be below base_interval",
  ]);
});
