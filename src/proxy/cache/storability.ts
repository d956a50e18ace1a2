/** Whether a response may be kept (RFC 9111 section 3), by a cache that several share. Pure. */
import { type CacheDirectives, parseCacheControl } from "./cache-control.ts";
import { type FreshnessRule, hasExplicitFreshness, isHeuristicStatus } from "./freshness.ts";
import type { CachedRequestView, CachedResponseView } from "./header-view.ts";
import type { ResponseControl } from "./response-control.ts";

/** Statuses whose rules of caching this cache knows, for `must-understand` (RFC 9111 section 5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...[200, 203, 204, 300, 301, 302, 303, 307, 308],
  ...[400, 401, 403, 404, 405, 410, 414, 421, 451, 500, 501, 502, 503, 504],
]);

export type StorabilityRefusal =
  | "method"
  | "status"
  | "no-store"
  | "private"
  | "authorization"
  | "set-cookie"
  | "vary"
  | "no-freshness"
  | "pointless";

/** Undefined when it may be kept, otherwise why not. `lifetimeMs`: how long it would be fresh. */
export function storabilityRefusal(
  request: CachedRequestView,
  response: CachedResponseView,
  control: ResponseControl,
  rule: FreshnessRule & StaleRule,
  lifetimeMs: number,
): StorabilityRefusal | undefined {
  const { status, header } = response;
  const { directives } = control;
  if (request.method !== "GET") return "method";
  // Parts (206) are not put together here, and 304 is no response of its own (section 3).
  if (status < 200 || status === 206 || status === 304) return "status";
  // Section 5.2.2.3: who understands the status passes over no-store.
  const mustUnderstand = directives.has("must-understand");
  if (mustUnderstand && !UNDERSTOOD.has(status)) return "status";
  if (directives.has("no-store") && !mustUnderstand) return "no-store";
  if (parseCacheControl(request.header("cache-control")).has("no-store")) return "no-store";
  // Section 5.2.2.7: with field names it would be enough to leave these out.
  if (directives.has("private")) return "private";
  if (request.header("authorization") !== undefined && !allowsAuthorization(directives)) {
    return "authorization";
  }
  // Section 7.3 leaves it to caches; whose cookie it is nobody else must learn.
  if (header("set-cookie") !== undefined) return "set-cookie";
  // Section 4.1: such a response matches no request.
  if (header("vary")?.includes("*") === true) return "vary";
  const mayGuess = rule.defaultTtlMs > 0 || rule.isHeuristic;
  const isCacheable =
    hasExplicitFreshness(control) ||
    (mayGuess && (isHeuristicStatus(status) || directives.has("public"))) ||
    (directives.has("public") && isValidatable(response)) ||
    (directives.has("no-cache") && isValidatable(response));
  if (!isCacheable) return "no-freshness";
  return lifetimeMs === 0 && !isValidatable(response) ? "pointless" : undefined;
}

/** How long a response is of use behind its time, where it does not say itself. */
export interface StaleRule {
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** Section 3.5. */
function allowsAuthorization(directives: CacheDirectives): boolean {
  return (
    directives.has("public") || directives.has("must-revalidate") || directives.has("s-maxage")
  );
}

/** Whether its server can be asked if it still holds (section 4.3.1). */
export function isValidatable({ header }: CachedResponseView): boolean {
  return header("etag") !== undefined || header("last-modified") !== undefined;
}
