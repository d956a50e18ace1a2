/** The Cache-Status field (RFC 9211): what the cache did with a request, for whoever gets the answer. */
import { HeaderField, HeaderName } from "../../http/header-field.ts";

const CACHE_STATUS = new HeaderName("cache-status");
/** RFC 9211 section 2: how the cache calls itself. */
const CACHE_NAME = "tulle";

/** RFC 9211 section 2.2: why a request was forwarded. */
export type ForwardReason = "bypass" | "method" | "uri-miss" | "vary-miss" | "request" | "stale";

/** Answered from the cache. `ttlMs` is below 0 for what is stale. */
export function hitStatus(ttlMs: number, isCollapsed = false): HeaderField {
  const ttl = Math.floor(ttlMs / 1000);
  return new HeaderField(
    CACHE_STATUS,
    `${CACHE_NAME}; hit; ttl=${ttl}${isCollapsed ? "; collapsed" : ""}`,
  );
}

/** Forwarded. `status` is the upstream's where the answer has another one. */
export function forwardStatus(
  reason: ForwardReason,
  isStored: boolean,
  status?: number,
  detail = "",
): HeaderField {
  let value = `${CACHE_NAME}; fwd=${reason}`;
  if (status !== undefined) value += `; fwd-status=${status}`;
  if (isStored) value += "; stored";
  if (detail !== "") value += `; detail=${detail}`;
  return new HeaderField(CACHE_STATUS, value);
}
