/** When a request may be sent again, compiled from Envoy's RetryPolicy. */
import type { RetryPolicy } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { durationMs } from "./duration.ts";
import type { FieldError } from "./field-error.ts";

export interface RetryRule {
  /** Retries behind the first try. */
  readonly retriesMax: number;
  /** The connection could not be made: no byte was sent. */
  readonly onConnectFailure: boolean;
  /** The connection was lost before a byte of the request left. */
  readonly onResetBeforeRequest: boolean;
  /** The connection was lost before an answer: the app may have processed the request. */
  readonly onReset: boolean;
  readonly on5xx: boolean;
  readonly onGatewayError: boolean;
  readonly statuses: ReadonlySet<number>;
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
  onReset: false,
  on5xx: false,
  onGatewayError: false,
  statuses: new Set(),
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
  const backoff = policy.retryBackOff;
  const baseMs =
    backoff?.baseInterval === undefined ? BACKOFF_BASE_MS : durationMs(backoff.baseInterval);
  return {
    retriesMax: conditions.length === 0 ? 0 : (policy.numRetries ?? 1),
    onConnectFailure: has("connect-failure") || has("5xx") || has("gateway-error"),
    onResetBeforeRequest:
      has("reset-before-request") || has("refused-stream") || has("reset") || has("5xx"),
    onReset: has("reset") || has("5xx"),
    on5xx: has("5xx"),
    onGatewayError: has("gateway-error"),
    statuses: new Set(has("retriable-status-codes") ? policy.retriableStatusCodes : []),
    perTryTimeoutMs: policy.perTryTimeout === undefined ? 0 : durationMs(policy.perTryTimeout),
    backoffBaseMs: baseMs,
    backoffMaxMs:
      backoff?.maxInterval === undefined ? 10 * baseMs : durationMs(backoff.maxInterval),
  };
}
