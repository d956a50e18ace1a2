/** What may be sent again: what provably was not acted on, and what the route's owner says is safe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { compileRetryPolicy, type RetryRule } from "../decision/retry-rule.ts";
import { RetryPolicySchema } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { isRetriableAnswer, isUnprocessed, mayRetryFailure, sendsAgain } from "./retry-decision.ts";
import type { UpstreamFailure } from "./stream.ts";

function ruleOf(retryOn: string): RetryRule {
  return compileRetryPolicy(fromJson(RetryPolicySchema, { retry_on: retryOn }), "", []);
}

const CLOSED: UpstreamFailure = { kind: "connection-closed", reason: "" };
const UNSENT: UpstreamFailure = { ...CLOSED, isUnsent: true };
const REFUSED: UpstreamFailure = { kind: "stream-refused", reason: "" };
const RESET: UpstreamFailure = { kind: "stream-reset", code: "INTERNAL_ERROR" };

/** Whether a request that was given to a stream is sent again. */
function retries(retryOn: string, failure: UpstreamFailure, canReplay = true): boolean {
  const mayHaveArrived = !isUnprocessed(failure);
  return mayRetryFailure(ruleOf(retryOn), failure, { attempts: 1, mayHaveArrived, canReplay });
}

for (const [retryOn, wanted] of [
  ["connect-failure", []],
  ["refused-stream", [REFUSED]],
  ["reset-before-request", [REFUSED, UNSENT]],
  ["reset", [REFUSED, UNSENT, RESET, CLOSED]],
  ["unavailable", []],
] as const) {
  test(`${retryOn} retries ${wanted.map(({ kind }) => kind).join(", ") || "no lost stream"}`, () => {
    for (const failure of [REFUSED, UNSENT, RESET, CLOSED]) {
      assert.equal(retries(retryOn, failure), (wanted as readonly unknown[]).includes(failure));
      assert.equal(retries(retryOn, failure, false), false);
    }
  });
}

test("a limit on tries holds for what was not acted on, too", () => {
  const state = { attempts: 2, mayHaveArrived: false, canReplay: true };
  assert.equal(mayRetryFailure(ruleOf("refused-stream"), REFUSED, state), false);
});

function answer(status: number, fields: Readonly<Record<string, string>> = {}) {
  const headers = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) {
    headers.add(new HeaderField(new HeaderName(name), value));
  }
  return { status, headers };
}

test("a status of gRPC in the head is retried by its condition", () => {
  const unavailable = answer(200, { "grpc-status": "14" });
  assert.ok(isRetriableAnswer(ruleOf("unavailable"), unavailable));
  const internal = answer(200, { "grpc-status": "13" });
  assert.equal(isRetriableAnswer(ruleOf("unavailable"), internal), false);
  assert.equal(isRetriableAnswer(ruleOf("5xx"), unavailable), false);
  assert.equal(isRetriableAnswer(ruleOf("unavailable,cancelled"), answer(200)), false);
});

for (const [retryOn, statuses] of [
  ["5xx", [500, 501, 502, 503, 504, 599]],
  ["gateway-error", [502, 503, 504]],
  ["retriable-4xx", [409]],
  ["envoy-ratelimited", []],
] as const) {
  test(`${retryOn} retries answers with ${statuses.join(", ") || "no status of their own"}`, () => {
    for (const status of [200, 400, 408, 409, 425, 429, 500, 501, 502, 503, 504, 599]) {
      const isWanted = (statuses as readonly number[]).includes(status);
      assert.equal(isRetriableAnswer(ruleOf(retryOn), answer(status)), isWanted, String(status));
    }
  });
}

test("what a rate limit refused is retried by the one condition that says so", () => {
  const limited = answer(503, { "x-envoy-ratelimited": "true" });
  assert.equal(isRetriableAnswer(ruleOf("5xx"), limited), false);
  assert.ok(isRetriableAnswer(ruleOf("envoy-ratelimited"), limited));
  assert.ok(isRetriableAnswer(ruleOf("5xx,envoy-ratelimited"), limited));
  assert.ok(
    isRetriableAnswer(ruleOf("envoy-ratelimited"), answer(429, { "x-envoy-ratelimited": "" })),
  );
});

test("a body is kept where a rule may ask for it again", () => {
  for (const retryOn of ["refused-stream", "unavailable", "reset", "5xx"]) {
    assert.ok(sendsAgain(ruleOf(retryOn)), retryOn);
  }
  assert.equal(sendsAgain(ruleOf("connect-failure")), false);
});
