/** Envoy's KeepaliveSettings compiled: when an HTTP/2 connection asks its peer for a sign of life. */
import type { Duration } from "@bufbuild/protobuf/wkt";
import { KEEPALIVE_INTERVAL_MS_MIN, KEEPALIVE_JITTER_PERCENT } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { KeepaliveSettings } from "../../gen/envoy/config/core/v3/protocol_pb.js";

export interface KeepaliveConfig {
  /** A connection on which nothing has come for so long sends a PING. 0: none by time alone. */
  readonly intervalMs: number;
  /** A share of the interval: up to so much later, drawn for each PING. */
  readonly intervalJitter: number;
  /** A connection on which nothing comes for so long behind a PING is over. */
  readonly timeoutMs: number;
  /** A request on a connection on which nothing has come for so long takes a PING with it. 0: none does. */
  readonly idleIntervalMs: number;
}

/** Undefined where none is asked for. Violations are added to `errors` under `path`. */
export function compileKeepalive(
  settings: KeepaliveSettings | undefined,
  path: string,
  errors: FieldError[],
): KeepaliveConfig | undefined {
  if (settings === undefined) return undefined;
  const interval = (value: Duration | undefined, field: string): number => {
    const ms = compileDuration(value, `${path}.${field}`, errors) ?? 0;
    if (ms > 0 && ms < KEEPALIVE_INTERVAL_MS_MIN) {
      const message = `${ms} ms is below ${KEEPALIVE_INTERVAL_MS_MIN} ms: peers take so many PING frames for an attack`;
      errors.push({ path: `${path}.${field}`, message });
    }
    return ms;
  };
  const timeoutMs = compileDuration(settings.timeout, `${path}.timeout`, errors) ?? 0;
  if (timeoutMs < 1) {
    errors.push({ path: `${path}.timeout`, message: "is required, and at least 1 ms" });
  }
  const jitterPercent = settings.intervalJitter?.value ?? KEEPALIVE_JITTER_PERCENT;
  if (!(jitterPercent >= 0 && jitterPercent <= 100)) {
    const message = `${jitterPercent} is not from 0 to 100`;
    errors.push({ path: `${path}.interval_jitter.value`, message });
  }
  return {
    intervalMs: interval(settings.interval, "interval"),
    intervalJitter: jitterPercent / 100,
    timeoutMs,
    idleIntervalMs: interval(settings.connectionIdleInterval, "connection_idle_interval"),
  };
}
