/** What may be sent again: what provably was not acted on, and what the route's owner says is safe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson } from "@bufbuild/protobuf";
import { compileRetryPolicy, type RetryRule } from "../decision/retry-rule.ts";
import { RetryPolicySchema } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { isUnprocessed, mayRetryAnswer, mayRetryFailure, sendsAgain } from "./retry-decision.ts";
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

test("a status of gRPC in the head is retried by its condition", () => {
  const state = { attempts: 1, mayHaveArrived: true, canReplay: true };
  const answer = (code: string) => {
    const headers = new HeaderBlock();
    headers.add(new HeaderField(new HeaderName("grpc-status"), code));
    return { status: 200, headers };
  };
  assert.ok(mayRetryAnswer(ruleOf("unavailable"), answer("14"), state));
  assert.equal(mayRetryAnswer(ruleOf("unavailable"), answer("13"), state), false);
  assert.equal(mayRetryAnswer(ruleOf("5xx"), answer("14"), state), false);
  const none = { status: 200, headers: new HeaderBlock() };
  assert.equal(mayRetryAnswer(ruleOf("unavailable,cancelled"), none, state), false);
});

test("a body is kept where a rule may ask for it again", () => {
  for (const retryOn of ["refused-stream", "unavailable", "reset", "5xx"]) {
    assert.ok(sendsAgain(ruleOf(retryOn)), retryOn);
  }
  assert.equal(sendsAgain(ruleOf("connect-failure")), false);
});
