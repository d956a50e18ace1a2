/** How long the next try waits: Envoy's back-off, or what an answer says itself (`Retry-After` and its like). */
import {
  RetryPolicy_ResetHeaderFormat as Format,
  type RetryPolicy_RateLimitedRetryBackOff,
  type RetryPolicy_RetryBackOff,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { HeaderBlock } from "../http/header-block.ts";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";

export interface RetryBackoff {
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** In their order. */
  readonly resetHeaders: readonly ResetHeader[];
  /** An answer that asks for more is not listened to. */
  readonly resetMsMax: number;
}

/** A field in which an answer says when the next try makes sense. */
export interface ResetHeader {
  /** In lower case. */
  readonly name: string;
  /** A number of seconds, or the second since the epoch. */
  readonly isTimestamp: boolean;
}

/** Envoy's default back-off base. */
const BACKOFF_BASE_MS = 25;
/** Envoy rounds intervals below a millisecond up to one. */
const BACKOFF_LEAST_MS = 1;
/** The ceiling as a multiple of the base where none is given. Envoy's default. */
const BACKOFF_CEILING_FACTOR = 10;
/** Envoy's default. */
const RESET_MS_MAX = 300_000;
/** Ten digits reach beyond the year 2200. */
const RESET_DIGITS_MAX = 10;

export const DEFAULT_BACKOFF: RetryBackoff = {
  backoffBaseMs: BACKOFF_BASE_MS,
  backoffMaxMs: BACKOFF_CEILING_FACTOR * BACKOFF_BASE_MS,
  resetHeaders: [],
  resetMsMax: RESET_MS_MAX,
};

export function compileBackoff(
  backoff: RetryPolicy_RetryBackOff | undefined,
  path: string,
  errors: FieldError[],
): Pick<RetryBackoff, "backoffBaseMs" | "backoffMaxMs"> {
  if (backoff === undefined) {
    const { backoffBaseMs, backoffMaxMs } = DEFAULT_BACKOFF;
    return { backoffBaseMs, backoffMaxMs };
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

export function compileResets(
  backoff: RetryPolicy_RateLimitedRetryBackOff | undefined,
  path: string,
  errors: FieldError[],
): Pick<RetryBackoff, "resetHeaders" | "resetMsMax"> {
  if (backoff === undefined) {
    const { resetHeaders, resetMsMax } = DEFAULT_BACKOFF;
    return { resetHeaders, resetMsMax };
  }
  if (backoff.resetHeaders.length === 0) {
    errors.push({ path: `${path}.reset_headers`, message: "at least one field is required" });
  }
  const resetHeaders = backoff.resetHeaders.map(({ name, format }, index) => {
    const at = `${path}.reset_headers[${index}].name`;
    if (name === "") errors.push({ path: at, message: "a header name is required" });
    return { name: name.toLowerCase(), isTimestamp: format === Format.UNIX_TIMESTAMP };
  });
  const resetMsMax = compileDuration(backoff.maxInterval, `${path}.max_interval`, errors);
  if (resetMsMax === 0) {
    errors.push({ path: `${path}.max_interval`, message: "a duration above 0 is required" });
  }
  return { resetHeaders, resetMsMax: resetMsMax ?? RESET_MS_MAX };
}

/** Milliseconds that an answer asks to wait, within the bound; undefined where it says nothing of the kind. */
export function askedPauseMs(
  { resetHeaders, resetMsMax }: RetryBackoff,
  headers: HeaderBlock,
  wallMs: number,
): number | undefined {
  for (const { name, isTimestamp } of resetHeaders) {
    const seconds = secondsOf(headers.get(name));
    if (seconds === undefined) continue;
    const ms = isTimestamp ? seconds * 1000 - wallMs : seconds * 1000;
    // Envoy: a moment that has passed says nothing, and neither does one that is too far away.
    if (ms > 0 && ms <= resetMsMax) return ms;
  }
  return undefined;
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined || text.length === 0 || text.length > RESET_DIGITS_MAX) return undefined;
  let seconds = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    seconds = seconds * 10 + digit;
  }
  return seconds;
}
