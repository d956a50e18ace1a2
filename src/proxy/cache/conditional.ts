/** Conditions of requests, held against a stored response (RFC 9111 section 4.3.2, RFC 9110 section 13). Pure. */
import type { CachedResponseView, HeaderView } from "./header-view.ts";
import { parseHttpDate } from "./http-date-text.ts";

/** Fields that make a request conditional on what its client has. */
export const CLIENT_CONDITIONS = ["if-none-match", "if-modified-since"] as const;

/** Whether the client has the response already: 304 instead of it. */
export function isNotModified(
  request: HeaderView,
  { header }: CachedResponseView,
  nowMs: number,
): boolean {
  const tags = request("if-none-match");
  if (tags !== undefined) {
    // RFC 9110 section 13.1.2: any will do, by weak comparison. If-Modified-Since does not count beside it.
    const own = header("etag");
    return tags.trim() === "*" || (own !== undefined && hasTag(tags, opaqueTag(own)));
  }
  // Section 13.1.3: what is no date is passed over.
  const sinceMs = parseHttpDate(request("if-modified-since"), nowMs);
  if (sinceMs === undefined) return false;
  // RFC 9111 section 4.3.2: without Last-Modified, Date.
  const changedMs = parseHttpDate(header("last-modified") ?? header("date"), nowMs);
  return changedMs !== undefined && changedMs <= sinceMs;
}

/** Whether a part may be sent of what the client has the rest of (RFC 9110 section 13.1.5): by strong comparison. */
export function allowsRange(
  request: HeaderView,
  { header }: CachedResponseView,
  nowMs: number,
): boolean {
  const condition = request("if-range");
  if (condition === undefined) return true;
  if (condition.startsWith('"')) return condition === header("etag");
  if (condition.startsWith("W/")) return false;
  const conditionMs = parseHttpDate(condition, nowMs);
  return conditionMs !== undefined && conditionMs === parseHttpDate(header("last-modified"), nowMs);
}

/** RFC 9111 section 4.3.4: whether a 304 speaks of this stored response. */
export function isSameResponse(stored: HeaderView, notModified: HeaderView): boolean {
  const tag = notModified("etag");
  if (tag !== undefined) {
    const own = stored("etag");
    return own !== undefined && opaqueTag(tag) === opaqueTag(own);
  }
  const changed = notModified("last-modified");
  return changed === undefined || changed === stored("last-modified");
}

/** Entity tags may hold commas, so that a list cannot simply be split. */
function hasTag(list: string, opaque: string): boolean {
  for (const [tag] of list.matchAll(/(?:W\/)?"[^"]*"/g)) if (opaqueTag(tag) === opaque) return true;
  return false;
}

function opaqueTag(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}
