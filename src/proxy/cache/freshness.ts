/**
 * How old a response is and how long it stays fresh (RFC 9111 section 4.2), as a shared cache sees it. Pure: times are
 * milliseconds since the epoch, passed in.
 */
import { parseDeltaSeconds, secondsOf } from "./cache-control.ts";
import type { CachedResponseView } from "./header-view.ts";
import { parseHttpDate } from "./http-date-text.ts";
import type { ResponseControl } from "./response-control.ts";

/** Statuses whose responses may be kept without a word about it (RFC 9110 section 15.1); 206 is not kept here. */
const HEURISTIC_STATUSES: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);
/** RFC 9111 section 4.2.2: a typical fraction of the time since the last change, and no more than a day. */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_MS_MAX = 24 * 3_600_000;

/** What a policy adds to what responses say. */
export interface FreshnessRule {
  /** Of responses that say nothing, in milliseconds; 0 for none. */
  readonly defaultTtlMs: number;
  /** Whether the time since the last change tells, where nothing else does. */
  readonly isHeuristic: boolean;
  /** Lower-case names of response fields that go before Cache-Control, the first one first (RFC 9213). */
  readonly targetedFields: readonly string[];
}

export interface FreshnessTimes {
  /** When the request was sent, and the response's head came. */
  readonly requestMs: number;
  readonly responseMs: number;
}

/** RFC 9111 section 4.2.1, in its order: s-maxage, max-age, Expires, and without any of them what the rule says. */
export function freshnessLifetimeMs(
  response: CachedResponseView,
  { directives, expires }: ResponseControl,
  rule: FreshnessRule,
  responseMs: number,
): number {
  const seconds = secondsOf(directives, "s-maxage") ?? secondsOf(directives, "max-age");
  if (seconds !== undefined) return 1000 * seconds;
  const { header } = response;
  const dateMs = parseHttpDate(header("date"), responseMs) ?? responseMs;
  if (expires !== undefined) {
    // Section 5.3: what is no date, "0" above all, lies in the past.
    const expiresMs = parseHttpDate(expires, responseMs);
    return expiresMs === undefined ? 0 : Math.max(0, expiresMs - dateMs);
  }
  if (!HEURISTIC_STATUSES.has(response.status) && !directives.has("public")) return 0;
  if (rule.defaultTtlMs > 0) return rule.defaultTtlMs;
  const changedMs = parseHttpDate(header("last-modified"), responseMs);
  if (!rule.isHeuristic || changedMs === undefined) return 0;
  return Math.min(HEURISTIC_MS_MAX, Math.max(0, dateMs - changedMs) * HEURISTIC_SHARE);
}

/** Whether a response says itself how long it stays fresh (section 4.2.1). */
export function hasExplicitFreshness({ directives, expires }: ResponseControl): boolean {
  return directives.has("s-maxage") || directives.has("max-age") || expires !== undefined;
}

export function isHeuristicStatus(status: number): boolean {
  return HEURISTIC_STATUSES.has(status);
}

/** RFC 9111 section 4.2.3, `corrected_initial_age`: how old the response was when it came. */
export function initialAgeMs(
  { header }: CachedResponseView,
  { requestMs, responseMs }: FreshnessTimes,
): number {
  const dateMs = parseHttpDate(header("date"), responseMs) ?? responseMs;
  const apparentAgeMs = Math.max(0, responseMs - dateMs);
  const delayMs = responseMs - requestMs;
  return Math.max(apparentAgeMs, ageValueMs(header("age")) + delayMs);
}

/** Section 5.1: of a list the first member counts; what is no number is passed over. */
function ageValueMs(age: string | undefined): number {
  if (age === undefined) return 0;
  const comma = age.indexOf(",");
  return 1000 * (parseDeltaSeconds((comma < 0 ? age : age.slice(0, comma)).trim()) ?? 0);
}
