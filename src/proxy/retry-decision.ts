/** Whether a request may be sent again, and when. Pure. */
import type { Prng } from "../core/prng.ts";
import type { RetryRule } from "../decision/retry-rule.ts";
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
  if (failure.kind === "try-timeout") {
    return state.canReplay && (rule.onReset || rule.onGatewayError || rule.statuses.has(504));
  }
  if (!state.canReplay) return false;
  switch (failure.kind) {
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
  const { onRefusedStream, onReset, on5xx, onGatewayError } = rule;
  const ofAnswers = rule.statuses.size + rule.grpcStatuses.size + rule.headers.length;
  const isAny = onRefusedStream || onReset || on5xx || onGatewayError || ofAnswers > 0;
  return isAny && rule.retriesMax > 0;
}

export function mayRetryAnswer(
  rule: RetryRule,
  { status, headers }: Pick<ResponseHead, "status" | "headers">,
  state: TryState,
): boolean {
  if (state.attempts > rule.retriesMax || !state.canReplay) return false;
  if (rule.headers.some((name) => headers.get(name) !== undefined)) return true;
  if (rule.statuses.has(status)) return true;
  if (rule.grpcStatuses.size > 0) {
    // Trailers-Only: what comes behind a body comes too late.
    const grpcStatus = headers.get("grpc-status");
    if (grpcStatus !== undefined && rule.grpcStatuses.has(parseGrpcStatus(grpcStatus))) return true;
  }
  if (rule.on5xx && status >= 500) return true;
  return rule.onGatewayError && status >= 502 && status <= 504;
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
