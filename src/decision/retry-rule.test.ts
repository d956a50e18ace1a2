/** Which failures each condition of `retry_on` covers, and the limits of a retry policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { compiledRoute, requestFor, routeErrors } from "../../test/support/routing-fixture.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { askedPauseMs } from "./retry-backoff.ts";
import { appliesTo, type RetryRule } from "./retry-rule.ts";

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

function answerWith(fields: Readonly<Record<string, string>>): HeaderBlock {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) {
    headers.add(new HeaderField(new HeaderName(name), value));
  }
  return headers;
}

test("headers of answers count only with their condition, and as their matcher says", () => {
  const headers = { retriable_headers: [{ name: "X-Undelivered", present_match: true }] };
  const [isThere] = ruleOf({ retry_on: "retriable-headers", ...headers }).responseTests;
  assert.ok(isThere?.(answerWith({ "x-undelivered": "" })));
  assert.equal(isThere?.(answerWith({ "x-delivered": "" })), false);
  assert.deepEqual(ruleOf({ retry_on: "5xx", ...headers }).responseTests, []);
  const [isBusy, isAbsent, isNoNumber] = ruleOf({
    retry_on: "retriable-headers",
    retriable_headers: [
      { name: "x-load", string_match: { exact: "busy" } },
      { name: "x-load", present_match: false },
      { name: "x-load", range_match: { start: "0", end: "10" }, invert_match: true },
    ],
  }).responseTests;
  assert.ok(isBusy?.(answerWith({ "x-load": "busy" })));
  assert.equal(isBusy?.(answerWith({ "x-load": "idle" })), false);
  assert.ok(isAbsent?.(answerWith({})));
  assert.ok(isNoNumber?.(answerWith({ "x-load": "11" })));
  assert.equal(isNoNumber?.(answerWith({ "x-load": "9" })), false);
  assert.deepEqual(
    errorsOf({ retry_on: "retriable-headers", retriable_headers: [{ name: ":status" }] }),
    [],
  );
});

test("an answer says when the next try makes sense, within the bound", () => {
  const rule = ruleOf({
    retry_on: "5xx",
    rate_limited_retry_back_off: {
      reset_headers: [
        { name: "Retry-After", format: "SECONDS" },
        { name: "X-RateLimit-Reset", format: "UNIX_TIMESTAMP" },
      ],
      max_interval: "60s",
    },
  });
  const asked = (fields: Readonly<Record<string, string>>) =>
    askedPauseMs(rule, answerWith(fields), 1_000_000_500);
  assert.equal(asked({ "retry-after": "5" }), 5_000);
  assert.equal(asked({ "x-ratelimit-reset": "1000003" }), 2_500);
  assert.equal(asked({ "retry-after": "x", "x-ratelimit-reset": "1000003" }), 2_500);
  for (const value of ["", "-1", "0", "61", "Fri, 31 Dec 1999 23:59:59 GMT", "99999999999"]) {
    assert.equal(asked({ "retry-after": value }), undefined, value);
  }
  assert.equal(asked({ "x-ratelimit-reset": "1000000" }), undefined, "it has passed");
  assert.deepEqual(errorsOf({ retry_on: "5xx", rate_limited_retry_back_off: {} }), [
    "rate_limited_retry_back_off.reset_headers: at least one field is required",
  ]);
});

test("only requests that pass one of the tests are retried", () => {
  const rule = ruleOf({
    retry_on: "5xx",
    retriable_request_headers: [
      { name: ":method", string_match: { exact: "GET" } },
      { name: "x-again", present_match: true },
    ],
  });
  assert.ok(appliesTo(rule, requestFor("/")));
  assert.ok(appliesTo(rule, requestFor("/", { method: "POST", headers: [["x-again", "1"]] })));
  assert.equal(appliesTo(rule, requestFor("/", { method: "POST" })), false);
  assert.ok(appliesTo(ruleOf({ retry_on: "5xx" }), requestFor("/", { method: "POST" })));
});

test("a try that may take as long as the request has no limit of its own", () => {
  const action = (route: JsonObject) => {
    const retry_policy = { retry_on: "5xx", per_try_timeout: "2s" };
    const compiled = compiledRoute({
      match: { prefix: "/" },
      route: { cluster: "c", retry_policy, ...route },
    }).action;
    assert.ok(compiled.kind === "forward");
    return compiled;
  };
  assert.equal(action({ timeout: "3s" }).retry.perTryTimeoutMs, 2_000);
  assert.equal(action({ timeout: "3s" }).expectedTimeout?.value, "2000");
  assert.equal(action({ timeout: "2s" }).retry.perTryTimeoutMs, 0);
  assert.equal(action({ timeout: "2s" }).expectedTimeout?.value, "2000");
  assert.equal(action({ timeout: "0s" }).retry.perTryTimeoutMs, 2_000);
  const hedged = action({ timeout: "3s", hedge_policy: { hedge_on_per_try_timeout: true } });
  assert.equal(hedged.retry.isHedged, true);
  assert.equal(hedged.expectedTimeout?.value, "3000", "it may go on while others run");
});

test("what Envoy ignores of hedging is refused", () => {
  const hedge_policy = { initial_requests: 2, additional_request_chance: { numerator: 5 } };
  const errors = routeErrors({ match: { prefix: "/" }, route: { cluster: "c", hedge_policy } });
  assert.equal(errors.length, 2);
  assert.match(errors[0] ?? "", /hedge_policy.initial_requests: is not implemented, neither here/);
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
    'retry_on: "bogus" is not implemented; use connect-failure, refused-stream, reset-before-request, reset, 5xx, gateway-error, retriable-4xx, envoy-ratelimited, retriable-status-codes, retriable-headers, cancelled, deadline-exceeded, internal, resource-exhausted, unavailable',
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
