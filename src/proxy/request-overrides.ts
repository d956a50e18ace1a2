/**
 * What a caller within the proxy's own network asks of the router in `x-envoy-*` fields: retries and time limits in
 * place of the route's. Read, and removed, for requests that the listener trusts (`internal_address_config`).
 */
import { REQUEST_RETRIES_MAX } from "../core/limits.ts";
import { presenceTest } from "../decision/response-test.ts";
import {
  conditionsOf,
  GRPC_CONDITIONS,
  HTTP_CONDITIONS,
  listedParts,
  type RetryCondition,
} from "../decision/retry-conditions.ts";
import type { RetryRule } from "../decision/retry-rule.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderName } from "../http/header-field.ts";

export interface RequestOverrides {
  /** Instead of the route's timeout. 0 means no limit, undefined the route's. */
  readonly answerMs: number | undefined;
  /** The route's rule with what the caller adds. */
  readonly retry: RetryRule;
}

const EXPECTED = "x-envoy-expected-rq-timeout-ms";
const TIMEOUT = new HeaderName("x-envoy-upstream-rq-timeout-ms");
const TRY_TIMEOUT = new HeaderName("x-envoy-upstream-rq-per-try-timeout-ms");
const RETRY_ON = new HeaderName("x-envoy-retry-on");
const RETRY_GRPC_ON = new HeaderName("x-envoy-retry-grpc-on");
const MAX_RETRIES = new HeaderName("x-envoy-max-retries");
const STATUS_CODES = new HeaderName("x-envoy-retriable-status-codes");
const HEADER_NAMES = new HeaderName("x-envoy-retriable-header-names");
const HEDGES = new HeaderName("x-envoy-hedge-on-per-try-timeout");

/** Envoy reads them as 64 bits; a day more or less makes no difference. */
const DIGITS_MAX = 15;

/**
 * `rule` is the route's. `respectsExpected`: the time that the hop before waits for this one counts, too
 * (`respect_expected_rq_timeout`). Undefined where nothing is asked, as nearly always.
 */
export function takeOverrides(
  headers: HeaderBlock,
  rule: RetryRule,
  respectsExpected: boolean,
): RequestOverrides | undefined {
  const expected = respectsExpected ? headers.get(EXPECTED) : undefined;
  // Envoy: what the hop before said comes first, and then the other field stays.
  const timeout = expected ?? take(headers, TIMEOUT);
  const tryTimeout = take(headers, TRY_TIMEOUT);
  const hedges = take(headers, HEDGES);
  const asked: RetryWishes = {
    on: take(headers, RETRY_ON),
    grpcOn: take(headers, RETRY_GRPC_ON),
    retriesMax: numberOf(take(headers, MAX_RETRIES)),
    statusCodes: take(headers, STATUS_CODES),
    headerNames: take(headers, HEADER_NAMES),
  };
  const answerMs = numberOf(timeout);
  const tryMs = numberOf(tryTimeout);
  const isHedged = hedges === "true" ? true : hedges === "false" ? false : undefined;
  const retry = merged(rule, asked);
  if (retry === rule && (answerMs ?? tryMs ?? isHedged) === undefined) return undefined;
  return {
    answerMs,
    retry: {
      ...retry,
      perTryTimeoutMs: tryMs ?? rule.perTryTimeoutMs,
      isHedged: isHedged ?? rule.isHedged,
    },
  };
}

interface RetryWishes {
  readonly on: string | undefined;
  readonly grpcOn: string | undefined;
  readonly retriesMax: number | undefined;
  readonly statusCodes: string | undefined;
  readonly headerNames: string | undefined;
}

function merged(rule: RetryRule, asked: RetryWishes): RetryRule {
  if (Object.values(asked).every((value) => value === undefined)) return rule;
  // A name that is not known is passed over, as in Envoy: only configuration can be refused.
  const added = [
    ...HTTP_CONDITIONS.filter((name) => listedParts(asked.on ?? "").includes(name)),
    ...GRPC_CONDITIONS.filter((name) => listedParts(asked.grpcOn ?? "").includes(name)),
  ];
  const conditions: readonly RetryCondition[] = [...rule.conditions, ...added];
  if (conditions.length === 0) return rule;
  const flags = conditionsOf(conditions);
  const codes = listedParts(asked.statusCodes ?? "")
    .map(Number)
    .filter(Number.isInteger);
  const names = listedParts(asked.headerNames ?? "");
  const ofRoute = rule.retriesMax > 0 ? rule.retriesMax : 1;
  return {
    ...rule,
    ...flags,
    conditions,
    retriesMax: Math.min(REQUEST_RETRIES_MAX, asked.retriesMax ?? ofRoute),
    statuses: flags.onStatus ? new Set([...rule.statuses, ...codes]) : rule.statuses,
    responseTests: flags.onHeader
      ? [...rule.responseTests, ...names.map(presenceTest)]
      : rule.responseTests,
  };
}

function take(headers: HeaderBlock, name: HeaderName): string | undefined {
  const value = headers.get(name.lower);
  if (value !== undefined) headers.remove(name);
  return value;
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || text.length > DIGITS_MAX || !/^\d+$/.test(text)) return undefined;
  return Number(text);
}
