/** The conditions of Envoy's `retry_on`, and which failures and answers each covers. */
import { GRPC_STATUS } from "../telemetry/grpc-status.ts";

/** What happened to a try, as far as a retry depends on it. */
export interface RetryConditions {
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
  /** 409, Envoy's one status among those of 400 and more that may pass. */
  readonly onRetriable4xx: boolean;
  /** A proxy has refused it by a rate limit, and says so in `x-envoy-ratelimited`. */
  readonly onRateLimited: boolean;
  /** The rule's statuses. */
  readonly onStatus: boolean;
  /** The rule's header fields of answers. */
  readonly onHeader: boolean;
  /** Codes of gRPC in an answer that has nothing but its head. */
  readonly grpcStatuses: ReadonlySet<number>;
}

/** Envoy's `retry_on` and the field `x-envoy-retry-on`. */
export const HTTP_CONDITIONS = [
  "connect-failure",
  "refused-stream",
  "reset-before-request",
  "reset",
  "5xx",
  "gateway-error",
  "retriable-4xx",
  "envoy-ratelimited",
  "retriable-status-codes",
  "retriable-headers",
] as const;

/** The same of the field `x-envoy-retry-grpc-on`; a policy has both in one list. */
export const GRPC_CONDITIONS = [
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

export type RetryCondition = (typeof HTTP_CONDITIONS)[number] | (typeof GRPC_CONDITIONS)[number];

const GRPC_STATUSES: Readonly<Record<(typeof GRPC_CONDITIONS)[number], number>> = {
  cancelled: GRPC_STATUS.cancelled,
  "deadline-exceeded": GRPC_STATUS.deadlineExceeded,
  internal: GRPC_STATUS.internal,
  "resource-exhausted": GRPC_STATUS.resourceExhausted,
  unavailable: GRPC_STATUS.unavailable,
};

export const CONDITIONS: readonly RetryCondition[] = [...HTTP_CONDITIONS, ...GRPC_CONDITIONS];

/** The parts of a list with commas, without space around them and without empty ones. */
export function listedParts(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

export function isCondition(name: string): name is RetryCondition {
  return (CONDITIONS as readonly string[]).includes(name);
}

export function conditionsOf(names: readonly RetryCondition[]): RetryConditions {
  const has = (name: RetryCondition): boolean => names.includes(name);
  // To Envoy a lost connection is a 503 that the upstream did not send: both status rules include it.
  const onReset = has("reset") || has("5xx") || has("gateway-error");
  const onResetBeforeRequest = onReset || has("reset-before-request");
  return {
    onConnectFailure: onResetBeforeRequest || has("connect-failure"),
    onResetBeforeRequest,
    // Nothing was sent that anybody acted on: whoever may retry the one may retry the other.
    onRefusedStream: onResetBeforeRequest || has("refused-stream"),
    onReset,
    on5xx: has("5xx"),
    onGatewayError: has("gateway-error"),
    onRetriable4xx: has("retriable-4xx"),
    onRateLimited: has("envoy-ratelimited"),
    onStatus: has("retriable-status-codes"),
    onHeader: has("retriable-headers"),
    grpcStatuses: new Set(GRPC_CONDITIONS.filter(has).map((name) => GRPC_STATUSES[name])),
  };
}
