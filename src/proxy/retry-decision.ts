/** Whether a request may be sent again, and when. Pure. */
import type { Prng } from "../core/prng.ts";
import type { RetryRule } from "../decision/retry-rule.ts";
import type { ResponseHead } from "../http/response-head.ts";
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
  // RFC 9113 section 8.7: neither has anything happened where the peer says so.
  if (failure.kind === "stream-refused") return state.canReplay && rule.onReset;
  // Nothing was sent, so that nothing can happen twice.
  if (!state.mayHaveArrived) return rule.onConnectFailure || rule.onResetBeforeRequest;
  return rule.onReset && failure.kind === "connection-closed" && state.canReplay;
}

/** Whether the rule can ask for a request to be sent again that has been sent: then its body is worth keeping. */
export function sendsAgain(rule: RetryRule): boolean {
  const { onReset, on5xx, onGatewayError, statuses, headers } = rule;
  const isAny = onReset || on5xx || onGatewayError || statuses.size > 0 || headers.length > 0;
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
