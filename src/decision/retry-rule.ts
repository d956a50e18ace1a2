/** When a request may be sent again, compiled from Envoy's RetryPolicy. */
import type { HedgePolicy, RetryPolicy } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";
import { compileHeaderMatcher, type RequestTest } from "./header-matcher.ts";
import type { RequestView } from "./request-view.ts";
import { compileResponseTest, type ResponseTest } from "./response-test.ts";
import {
  compileBackoff,
  compileResets,
  DEFAULT_BACKOFF,
  type RetryBackoff,
} from "./retry-backoff.ts";
import {
  CONDITIONS,
  conditionsOf,
  isCondition,
  listedParts,
  type RetryCondition,
  type RetryConditions,
} from "./retry-conditions.ts";

export interface RetryRule extends RetryConditions, RetryBackoff {
  /** As they were written. */
  readonly conditions: readonly RetryCondition[];
  /** Retries behind the first try. */
  readonly retriesMax: number;
  readonly statuses: ReadonlySet<number>;
  /** An answer that passes one of them is retried. */
  readonly responseTests: readonly ResponseTest[];
  /** Only requests that pass one of them are retried. Empty: all are. */
  readonly requestTests: readonly RequestTest[];
  /** 0 means no limit for a single try. */
  readonly perTryTimeoutMs: number;
  /** A try may be silent for so long. 0 means no limit. */
  readonly perTryIdleTimeoutMs: number;
  /** A try whose time is over goes on beside the next one, and the first good answer counts. */
  readonly isHedged: boolean;
}

export const NO_RETRY: RetryRule = {
  ...conditionsOf([]),
  ...DEFAULT_BACKOFF,
  conditions: [],
  retriesMax: 0,
  statuses: new Set(),
  responseTests: [],
  requestTests: [],
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  isHedged: false,
};

/** Envoy's default for a policy that names conditions. */
const RETRIES = 1;

export function compileRetryPolicy(
  policy: RetryPolicy,
  path: string,
  errors: FieldError[],
): RetryRule {
  const conditions = compileConditions(policy.retryOn, `${path}.retry_on`, errors);
  const flags = conditionsOf(conditions);
  const duration = (field: string, value: RetryPolicy["perTryTimeout"]): number =>
    compileDuration(value, `${path}.${field}`, errors) ?? 0;
  return {
    ...flags,
    conditions,
    retriesMax: conditions.length === 0 ? 0 : (policy.numRetries ?? RETRIES),
    statuses: new Set(flags.onStatus ? policy.retriableStatusCodes : []),
    responseTests: flags.onHeader
      ? policy.retriableHeaders.map((matcher, index) =>
          compileResponseTest(matcher, `${path}.retriable_headers[${index}]`, errors),
        )
      : [],
    requestTests: policy.retriableRequestHeaders.map((matcher, index) =>
      compileHeaderMatcher(matcher, `${path}.retriable_request_headers[${index}]`, errors),
    ),
    perTryTimeoutMs: duration("per_try_timeout", policy.perTryTimeout),
    perTryIdleTimeoutMs: duration("per_try_idle_timeout", policy.perTryIdleTimeout),
    isHedged: false,
    ...compileBackoff(policy.retryBackOff, `${path}.retry_back_off`, errors),
    ...compileResets(policy.rateLimitedRetryBackOff, `${path}.rate_limited_retry_back_off`, errors),
  };
}

function compileConditions(
  retryOn: string,
  path: string,
  errors: FieldError[],
): readonly RetryCondition[] {
  const conditions: RetryCondition[] = [];
  for (const name of listedParts(retryOn)) {
    if (isCondition(name)) {
      conditions.push(name);
      continue;
    }
    const message = `"${name}" is not implemented; use ${CONDITIONS.join(", ")}`;
    errors.push({ path, message });
  }
  return conditions;
}

/** Whether a rule that retries holds for this request. */
export function appliesTo(rule: RetryRule, request: RequestView): boolean {
  const { requestTests } = rule;
  if (requestTests.length === 0) return true;
  for (let i = 0; i < requestTests.length; i++) {
    if (requestTests[i]!(request)) return true;
  }
  return false;
}

/** The rule for requests that it does not apply to: limits of tries stay. */
export function withoutRetries(rule: RetryRule): RetryRule {
  const { perTryTimeoutMs, perTryIdleTimeoutMs } = rule;
  return { ...NO_RETRY, perTryTimeoutMs, perTryIdleTimeoutMs };
}

/** Envoy has fields for more, and ignores them. */
export function compileHedging(
  policy: HedgePolicy | undefined,
  path: string,
  errors: FieldError[],
): boolean {
  if (policy === undefined) return false;
  const ignored = "is not implemented, neither here nor by Envoy; leave it out";
  if ((policy.initialRequests ?? 1) > 1) {
    errors.push({ path: `${path}.initial_requests`, message: ignored });
  }
  if ((policy.additionalRequestChance?.numerator ?? 0) > 0) {
    errors.push({ path: `${path}.additional_request_chance`, message: ignored });
  }
  return policy.hedgeOnPerTryTimeout;
}
