/**
 * Fields that Connection cannot strip. RFC 9110 section 7.6.1 wants every named field removed; but what
 * routes, frames or identifies a request for later hops must not vanish because its sender says so
 * (T25; CVE-2024-45410 of Traefik), and the section forbids naming fields meant for all recipients.
 */

const PROTECTED_NAMES: ReadonlySet<string> = new Set([
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "date",
  "expect",
  "forwarded",
  "host",
  "set-cookie",
  "te",
  "traceparent",
  "tracestate",
  "transfer-encoding",
  "via",
  "x-real-ip",
  "x-request-id",
]);

/** Families that proxies set for the hops behind them. */
const PROTECTED_PREFIXES = ["x-forwarded-", "x-envoy-"] as const;

export function isProtectedName(lowerName: string): boolean {
  if (PROTECTED_NAMES.has(lowerName)) return true;
  return PROTECTED_PREFIXES.some((prefix) => lowerName.startsWith(prefix));
}
