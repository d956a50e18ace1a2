/** What retries and circuit breakers cost a request that is answered well, and one that is not. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import { SeededPrng } from "../../src/core/prng.ts";
import { compileRetryPolicy, type RetryRule } from "../../src/decision/retry-rule.ts";
import { RetryPolicySchema } from "../../src/gen/envoy/config/route/v3/route_components_pb.js";
import { HeaderBlock } from "../../src/http/header-block.ts";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { CircuitBreaker, type CircuitLimits } from "../../src/proxy/circuit-breaker.ts";
import { createClusterCounts } from "../../src/proxy/cluster-counts.ts";
import { isRetriableAnswer, retryPauseMs } from "../../src/proxy/retry-decision.ts";

function ruleOf(policy: JsonObject): RetryRule {
  return compileRetryPolicy(fromJson(RetryPolicySchema, policy), "", []);
}

const LIMITS: CircuitLimits = {
  connectionsMax: 1024,
  pendingMax: 1024,
  requestsMax: 1024,
  retriesMax: 3,
  retryBudget: undefined,
  tracksRemaining: false,
};

const headers = new HeaderBlock();
for (const name of ["content-type", "content-length", "date", "server", "x-a", "x-b"]) {
  headers.add(new HeaderField(new HeaderName(name), "value"));
}

group("is an answer to be retried", () => {
  const safe = ruleOf({
    retry_on: "connect-failure,refused-stream,reset-before-request,retriable-headers",
    retriable_headers: [{ name: "x-tulle-undelivered", present_match: true }],
  });
  const many = ruleOf({
    retry_on: "5xx,retriable-status-codes,retriable-headers,unavailable",
    retriable_status_codes: [429, 503],
    retriable_headers: [{ name: "x-busy", string_match: { exact: "yes" } }],
  });
  const good = { status: 200, headers };
  const bad = { status: 503, headers };
  bench("the mesh's default, 200", () => do_not_optimize(isRetriableAnswer(safe, good)));
  bench("many conditions, 200", () => do_not_optimize(isRetriableAnswer(many, good)));
  bench("many conditions, 503", () => do_not_optimize(isRetriableAnswer(many, bad)));
});

group("a circuit breaker", () => {
  const plain = new CircuitBreaker(LIMITS, createClusterCounts());
  const retryBudget = { fraction: 0.2, concurrencyMin: 3 };
  const budgeted = new CircuitBreaker({ ...LIMITS, retryBudget }, createClusterCounts());
  bench("a request", () => {
    do_not_optimize(plain.admitRequest());
    plain.onAnswer();
    plain.releaseRequest();
  });
  bench("a request, with a retry budget", () => {
    do_not_optimize(budgeted.admitRequest());
    budgeted.onAnswer();
    budgeted.releaseRequest();
  });
  bench("a retry, with a retry budget", () => {
    if (budgeted.admitRetry(true, false)) budgeted.releaseRetry();
  });
});

group("the pause before a retry", () => {
  const rule = ruleOf({ retry_on: "5xx" });
  const prng = new SeededPrng(1);
  bench("of the second try", () => do_not_optimize(retryPauseMs(rule, 1, prng)));
});
