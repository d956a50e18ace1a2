/** When a request may be sent again, compiled from Envoy's RetryPolicy. */
import type {
  HeaderMatcher,
  RetryPolicy,
  RetryPolicy_RetryBackOff,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import { GRPC_STATUS } from "../telemetry/grpc-status.ts";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";

export interface RetryRule {
  /** Retries behind the first try. */
  readonly retriesMax: number;
  /** The connection could not be made: no byte was sent. */
  readonly onConnectFailure: boolean;
  /** The connection was lost before a byte of the request left. */
  readonly onResetBeforeRequest: boolean;
  /** The peer says that it has not acted on the request (RFC 9113 section 8.7). */
  readonly onRefusedStream: boolean;
  /** The connection or the stream was lost before an answer: the app may have processed the request. */
  readonly onReset: boolean;
  readonly on5xx: boolean;
  readonly onGatewayError: boolean;
  readonly statuses: ReadonlySet<number>;
  /** Codes of gRPC in an answer that has nothing but its head. */
  readonly grpcStatuses: ReadonlySet<number>;
  /** Lower-case names: an answer with one of them is retried. */
  readonly headers: readonly string[];
  /** 0 means no limit for a single try. */
  readonly perTryTimeoutMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

/** Envoy's default back-off base. */
const BACKOFF_BASE_MS = 25;

export const NO_RETRY: RetryRule = {
  retriesMax: 0,
  onConnectFailure: false,
  onResetBeforeRequest: false,
  onRefusedStream: false,
  onReset: false,
  on5xx: false,
  onGatewayError: false,
  statuses: new Set(),
  grpcStatuses: new Set(),
  headers: [],
  perTryTimeoutMs: 0,
  backoffBaseMs: BACKOFF_BASE_MS,
  backoffMaxMs: 10 * BACKOFF_BASE_MS,
};

const CONDITIONS = [
  "connect-failure",
  "refused-stream",
  "reset-before-request",
  "reset",
  "5xx",
  "gateway-error",
  "retriable-status-codes",
  "retriable-headers",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

const GRPC_CONDITIONS = [
  ["cancelled", GRPC_STATUS.cancelled],
  ["deadline-exceeded", GRPC_STATUS.deadlineExceeded],
  ["internal", GRPC_STATUS.internal],
  ["resource-exhausted", GRPC_STATUS.resourceExhausted],
  ["unavailable", GRPC_STATUS.unavailable],
] as const;

export function compileRetryPolicy(
  policy: RetryPolicy,
  path: string,
  errors: FieldError[],
): RetryRule {
  const conditions = policy.retryOn
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  for (const condition of conditions) {
    if (!(CONDITIONS as readonly string[]).includes(condition)) {
      const message = `"${condition}" is not implemented; use ${CONDITIONS.join(", ")}`;
      errors.push({ path: `${path}.retry_on`, message });
    }
  }
  const has = (condition: (typeof CONDITIONS)[number]): boolean => conditions.includes(condition);
  // To Envoy a lost connection is a 503 that the upstream did not send: both status rules include it.
  const onReset = has("reset") || has("5xx") || has("gateway-error");
  const onResetBeforeRequest = onReset || has("reset-before-request");
  return {
    retriesMax: conditions.length === 0 ? 0 : (policy.numRetries ?? 1),
    onConnectFailure: onResetBeforeRequest || has("connect-failure"),
    onResetBeforeRequest,
    // Nothing was sent that anybody acted on: whoever may retry the one may retry the other.
    onRefusedStream: onResetBeforeRequest || has("refused-stream"),
    onReset,
    on5xx: has("5xx"),
    onGatewayError: has("gateway-error"),
    statuses: new Set(has("retriable-status-codes") ? policy.retriableStatusCodes : []),
    grpcStatuses: new Set(GRPC_CONDITIONS.filter(([name]) => has(name)).map(([, code]) => code)),
    headers: has("retriable-headers") ? compileHeaders(policy.retriableHeaders, path, errors) : [],
    perTryTimeoutMs: compileDuration(policy.perTryTimeout, `${path}.per_try_timeout`, errors) ?? 0,
    ...compileBackoff(policy.retryBackOff, `${path}.retry_back_off`, errors),
  };
}

/** A marker is there or it is not: nothing else of a HeaderMatcher is needed for that. */
function compileHeaders(
  matchers: readonly HeaderMatcher[],
  path: string,
  errors: FieldError[],
): readonly string[] {
  return matchers.map(({ name, headerMatchSpecifier: specifier, ...matcher }, index) => {
    const at = `${path}.retriable_headers[${index}]`;
    const isPresence =
      specifier.case === undefined || (specifier.case === "presentMatch" && specifier.value);
    if (name === "") errors.push({ path: `${at}.name`, message: "a header name is required" });
    if (!isPresence || matcher.invertMatch || matcher.treatMissingHeaderAsEmpty) {
      errors.push({ path: at, message: "only present_match: true is implemented" });
    }
    return name.toLowerCase();
  });
}

/** Envoy rounds intervals below a millisecond up to one. */
const BACKOFF_LEAST_MS = 1;
/** The ceiling as a multiple of the base where none is given. Envoy's default. */
const BACKOFF_CEILING_FACTOR = 10;

function compileBackoff(
  backoff: RetryPolicy_RetryBackOff | undefined,
  path: string,
  errors: FieldError[],
): Pick<RetryRule, "backoffBaseMs" | "backoffMaxMs"> {
  if (backoff === undefined) {
    return { backoffBaseMs: NO_RETRY.backoffBaseMs, backoffMaxMs: NO_RETRY.backoffMaxMs };
  }
  const baseMs = compileDuration(backoff.baseInterval, `${path}.base_interval`, errors) ?? 0;
  if (baseMs === 0) {
    errors.push({ path: `${path}.base_interval`, message: "a duration above 0 is required" });
  }
  const maxMs =
    compileDuration(backoff.maxInterval, `${path}.max_interval`, errors) ??
    BACKOFF_CEILING_FACTOR * baseMs;
  if (maxMs < baseMs) {
    errors.push({ path: `${path}.max_interval`, message: "must not be below base_interval" });
  }
  return {
    backoffBaseMs: Math.max(BACKOFF_LEAST_MS, baseMs),
    backoffMaxMs: Math.max(BACKOFF_LEAST_MS, maxMs),
  };
}
