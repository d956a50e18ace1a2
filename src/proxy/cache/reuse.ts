/** What a stored response is good for, for one request (RFC 9111 section 4, RFC 5861). Pure. */
import { type CacheDirectives, parseCacheControl, secondsOf } from "./cache-control.ts";
import type { CachedRequestView } from "./header-view.ts";
import type { StaleRule } from "./storability.ts";

/** A stored response, as far as time is concerned. */
export interface StoredAge {
  readonly directives: CacheDirectives;
  readonly lifetimeMs: number;
  readonly ageMs: number;
}

export type Reuse =
  /** It answers the request. */
  | { readonly kind: "fresh" }
  /** It answers the request, and is validated behind its back (RFC 5861 section 3). */
  | { readonly kind: "stale-while-revalidate" }
  /** It answers the request, which asked for no better (RFC 9111 section 5.2.1.2). */
  | { readonly kind: "stale-accepted" }
  /** Its server is to be asked first. `isFallback`: it may answer when that fails (RFC 5861 section 4). */
  | { readonly kind: "validate"; readonly isFallback: boolean };

const VALIDATE: Reuse = { kind: "validate", isFallback: false };
const VALIDATE_OR_STALE: Reuse = { kind: "validate", isFallback: true };

export function reuseOf(request: CachedRequestView, stored: StoredAge, rule: StaleRule): Reuse {
  const asked = requestDirectives(request);
  const { directives, lifetimeMs, ageMs } = stored;
  const staleMs = ageMs - lifetimeMs;
  const validate = mayFallBack(asked, stored, rule) ? VALIDATE_OR_STALE : VALIDATE;
  // Sections 5.2.1.4 and 5.2.2.4.
  if (asked.has("no-cache") || directives.has("no-cache")) return validate;
  // Section 5.2.1.1.
  const ageMaxSeconds = secondsOf(asked, "max-age");
  if (ageMaxSeconds !== undefined && ageMs > 1000 * ageMaxSeconds) return validate;
  // Section 5.2.1.3.
  const freshSeconds = secondsOf(asked, "min-fresh");
  if (freshSeconds !== undefined && -staleMs < 1000 * freshSeconds) return validate;
  if (staleMs < 0) return { kind: "fresh" };
  // Section 4.2.4: nothing stale where the response forbids it.
  if (forbidsStale(directives)) return validate;
  if (acceptsStale(asked, staleMs) && !directives.has("s-maxage"))
    return { kind: "stale-accepted" };
  return staleMs < whileRevalidateMs(directives, rule)
    ? { kind: "stale-while-revalidate" }
    : validate;
}

/** RFC 9111 section 5.2.1.7: the request wants no answer but a stored one. */
export function isOnlyIfCached(request: CachedRequestView): boolean {
  return requestDirectives(request).has("only-if-cached");
}

/** Section 5.4: without Cache-Control, Pragma can say no-cache. */
function requestDirectives(request: CachedRequestView): CacheDirectives {
  const control = request.header("cache-control");
  if (control !== undefined) return parseCacheControl(control);
  return parseCacheControl(
    request.header("pragma")?.toLowerCase() === "no-cache" ? "no-cache" : undefined,
  );
}

/** Sections 5.2.2.2 and 5.2.2.8. */
function forbidsStale(directives: CacheDirectives): boolean {
  return directives.has("must-revalidate") || directives.has("proxy-revalidate");
}

/** Section 5.2.1.2: without an argument any age is fine. */
function acceptsStale(asked: CacheDirectives, staleMs: number): boolean {
  const argument = asked.get("max-stale");
  if (argument === undefined) return false;
  return argument === "" || staleMs <= 1000 * (secondsOf(asked, "max-stale") ?? 0);
}

/** Section 5.2.2.10: s-maxage forbids it, unless the response says so itself. */
function whileRevalidateMs(directives: CacheDirectives, rule: StaleRule): number {
  const seconds = secondsOf(directives, "stale-while-revalidate");
  if (seconds !== undefined) return 1000 * seconds;
  return directives.has("s-maxage") ? 0 : rule.staleWhileRevalidateMs;
}

/** RFC 5861 section 4: the response, the request, then the rule says how long. */
function mayFallBack(
  asked: CacheDirectives,
  { directives, lifetimeMs, ageMs }: StoredAge,
  rule: StaleRule,
): boolean {
  if (forbidsStale(directives) || directives.has("no-cache") || asked.has("no-cache")) return false;
  const seconds = secondsOf(directives, "stale-if-error") ?? secondsOf(asked, "stale-if-error");
  const limitMs =
    seconds !== undefined ? 1000 * seconds : directives.has("s-maxage") ? 0 : rule.staleIfErrorMs;
  return limitMs > 0 && ageMs - lifetimeMs < limitMs;
}
