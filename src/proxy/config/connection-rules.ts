/** The network filters that limit the connections of a filter chain, compiled: how many at a time, how many in a second. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { RATE_LIMIT_FILL_MS_MIN } from "../../core/limits.ts";
import { durationMs } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { ConnectionLimitSchema } from "../../gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from "../../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js";

/** `policy`: `stat_prefix`, for whom figures are told. */
export type ConnectionRule =
  | { readonly kind: "active"; readonly policy: string; readonly max: number }
  | {
      readonly kind: "rate";
      readonly policy: string;
      /** New connections at once. */
      readonly tokensMax: number;
      /** Milliseconds in which one more may come. */
      readonly intervalMs: number;
    };

/** Undefined for other messages. */
export function compileConnectionRule(
  config: Any,
  path: string,
  errors: FieldError[],
): ConnectionRule | undefined {
  const limit = anyUnpack(config, ConnectionLimitSchema);
  const rate = limit === undefined ? anyUnpack(config, LocalRateLimitSchema) : undefined;
  const message = limit ?? rate;
  if (message === undefined) return undefined;
  const policy = message.statPrefix;
  if (policy === "") errors.push({ path: `${path}.stat_prefix`, message: "is required" });
  if (rate !== undefined) return { kind: "rate", policy, ...rateOf(rate, path, errors) };
  const max = Number(limit?.maxConnections ?? 0n);
  if (max < 1) errors.push({ path: `${path}.max_connections`, message: "must be at least 1" });
  return { kind: "active", policy, max };
}

function rateOf({ tokenBucket }: LocalRateLimit, path: string, errors: FieldError[]) {
  const at = `${path}.token_bucket`;
  if (tokenBucket === undefined) {
    errors.push({ path: at, message: "is required" });
    return { tokensMax: 0, intervalMs: 0 };
  }
  const { maxTokens, tokensPerFill = 1, fillInterval } = tokenBucket;
  const fillMs = fillInterval === undefined ? 0 : durationMs(fillInterval);
  if (maxTokens === 0) errors.push({ path: `${at}.max_tokens`, message: "must be above 0" });
  if (tokensPerFill === 0) {
    errors.push({ path: `${at}.tokens_per_fill`, message: "must be above 0" });
  }
  if (fillMs < RATE_LIMIT_FILL_MS_MIN) {
    const message = `must be ${RATE_LIMIT_FILL_MS_MIN} ms or longer`;
    errors.push({ path: `${at}.fill_interval`, message });
  }
  return { tokensMax: maxTokens, intervalMs: fillMs / tokensPerFill };
}
