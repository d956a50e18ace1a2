/** When a request is tried again, and how long one try may take. */
import { create } from "@bufbuild/protobuf";
import {
  type RetryPolicy,
  RetryPolicySchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { durationMs } from "../../resource/duration.ts";
import { SAFE_RETRY_COUNT, SAFE_RETRY_ON, UNDELIVERED_HEADER } from "../defaults.ts";
import { duration } from "../message.ts";
import type { Rule } from "./precedence.ts";

/** Ceiling of the backoff as a multiple of its base. Envoy's default. */
const BACKOFF_CEILING_FACTOR = 10;

/**
 * Without a `retry` stanza only what is safe whatever the method: the app never saw the request. Its status
 * codes add failures that the app did see; that is the author's decision.
 */
export function retryPolicy(rule: Pick<Rule, "retry" | "timeouts">): RetryPolicy {
  const { retry, timeouts } = rule;
  const codes = retry?.codes ?? [];
  const retryOn = codes.length > 0 ? [...SAFE_RETRY_ON, "retriable-status-codes"] : SAFE_RETRY_ON;
  const perTryTimeoutMs = durationMs(timeouts?.backendRequest ?? "0s");
  const baseIntervalMs = durationMs(retry?.backoff ?? "0s");
  return create(RetryPolicySchema, {
    retryOn: retryOn.join(","),
    numRetries: retry?.attempts ?? SAFE_RETRY_COUNT,
    retriableHeaders: [
      {
        name: UNDELIVERED_HEADER,
        headerMatchSpecifier: { case: "presentMatch", value: true },
      },
    ],
    retriableStatusCodes: [...codes].sort((a, b) => a - b),
    ...(perTryTimeoutMs > 0 ? { perTryTimeout: duration(perTryTimeoutMs) } : {}),
    ...(baseIntervalMs > 0
      ? {
          retryBackOff: {
            baseInterval: duration(baseIntervalMs),
            maxInterval: duration(baseIntervalMs * BACKOFF_CEILING_FACTOR),
          },
        }
      : {}),
  });
}
