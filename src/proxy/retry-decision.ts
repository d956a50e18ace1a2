/** Whether a request may be sent again, and when. Pure. */
import type { Prng } from "../core/prng.ts";
import { askedPauseMs } from "../decision/retry-backoff.ts";
import type { RetryRule } from "../decision/retry-rule.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { UNDELIVERED_HEADER } from "../http/known-headers.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { parseGrpcStatus } from "../telemetry/grpc-status.ts";
import type { UpstreamFailure } from "./stream.ts";

export interface TryState {
  /** Tries made so far, the failed one included. */
  readonly attempts: number;
  /** A byte of the request may have reached the upstream. */
  readonly mayHaveArrived: boolean;
  /** Everything of the request that has come so far is at hand. */
  readonly canReplay: boolean;
}

export function mayRetryFailure(
  rule: RetryRule,
  failure: UpstreamFailure,
  state: TryState,
): boolean {
  if (state.attempts > rule.retriesMax) return false;
  if (!state.canReplay) return false;
  switch (failure.kind) {
    case "try-timeout":
    case "try-idle-timeout":
      return rule.onReset || rule.statuses.has(504);
    case "stream-duration":
      return rule.onReset;
    case "stream-refused":
      return rule.onRefusedStream;
    case "stream-reset":
      return rule.onReset;
    case "connection-closed":
      return state.mayHaveArrived ? rule.onReset : rule.onResetBeforeRequest;
    default:
      // Nothing was sent, so that nothing can happen twice.
      return !state.mayHaveArrived && (rule.onConnectFailure || rule.onResetBeforeRequest);
  }
}

/** Whether it is certain that nobody has acted on a request that was given to a stream. */
export function isUnprocessed(failure: UpstreamFailure): boolean {
  // RFC 9113 section 8.7: the peer says so, or no byte has left this process.
  if (failure.kind === "stream-refused") return true;
  return failure.kind === "connection-closed" && failure.isUnsent === true;
}

/** Whether the rule can ask for a request to be sent again that has been sent: then its body is worth keeping. */
export function sendsAgain(rule: RetryRule): boolean {
  if (rule.retriesMax === 0) return false;
  const { onRefusedStream, onReset, onRetriable4xx, onRateLimited, isHedged } = rule;
  const ofAnswers = rule.statuses.size + rule.grpcStatuses.size + rule.responseTests.length;
  return onRefusedStream || onReset || onRetriable4xx || onRateLimited || isHedged || ofAnswers > 0;
}

type AnswerHead = Pick<ResponseHead, "status" | "headers">;

/** Of the proxy that refused the request by a rate limit. */
const RATE_LIMITED = "x-envoy-ratelimited";

/** Whether the rule asks for another try upon this answer, however many there were. */
export function isRetriableAnswer(rule: RetryRule, { status, headers }: AnswerHead): boolean {
  // As in Envoy: of those that a rate limit refused only the one condition speaks.
  if (isMet(rule, status, headers)) return rule.onRateLimited || !isRateLimited(headers);
  return rule.onRateLimited && isRateLimited(headers);
}

/** Whether an answer says that it comes from no app: a sidecar did not reach the one behind it. */
export function isUndelivered({ status, headers }: AnswerHead): boolean {
  return status === 503 && headers.get(UNDELIVERED_HEADER) !== undefined;
}

function isRateLimited(headers: HeaderBlock): boolean {
  return headers.get(RATE_LIMITED) !== undefined;
}

function isMet(rule: RetryRule, status: number, headers: HeaderBlock): boolean {
  const { responseTests } = rule;
  for (let i = 0; i < responseTests.length; i++) {
    if (responseTests[i]!(headers)) return true;
  }
  if (rule.statuses.has(status)) return true;
  if (rule.grpcStatuses.size > 0) {
    // Trailers-Only: what comes behind a body comes too late.
    const grpcStatus = headers.get("grpc-status");
    if (grpcStatus !== undefined && rule.grpcStatuses.has(parseGrpcStatus(grpcStatus))) return true;
  }
  if (status < 500) return rule.onRetriable4xx && status === 409;
  return rule.on5xx || (rule.onGatewayError && status >= 502 && status <= 504);
}

/** Full jitter below a ceiling that doubles with each try (Envoy's retry back-off). Milliseconds. */
export function retryPauseMs(
  rule: Pick<RetryRule, "backoffBaseMs" | "backoffMaxMs">,
  attempts: number,
  prng: Prng,
): number {
  const doublings = Math.min(attempts - 1, 30);
  return prng.next() * Math.min(rule.backoffMaxMs, rule.backoffBaseMs * 2 ** doublings);
}

/**
 * Milliseconds to wait because the answer says so, up to half as long again lest all come back at once (Envoy's
 * jitter). Undefined where it says nothing.
 */
export function toldPauseMs(
  rule: RetryRule,
  headers: HeaderBlock,
  wallMs: number,
  prng: Prng,
): number | undefined {
  if (rule.resetHeaders.length === 0) return undefined;
  const ms = askedPauseMs(rule, headers, wallMs);
  return ms === undefined ? undefined : ms * (1 + prng.next() / 2);
}
