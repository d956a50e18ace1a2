/**
 * Fields that are not passed on in trailers (RFC 9110 section 6.5.1): those that frame or route a
 * message, change how its content is read, or say who sent it, because some recipients merge trailers
 * into the head, where they would have been checked.
 */
import type { HeaderBlock } from "./header-block.ts";
import { HEADER, HEADER_UNKNOWN } from "./header-name.ts";

const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  // Framing and connections
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // Routing and control
  "cache-control",
  "expect",
  "host",
  "location",
  "max-forwards",
  "pragma",
  "range",
  "retry-after",
  "vary",
  // Content
  "content-encoding",
  "content-range",
  "content-type",
  // Authentication and identity
  "authorization",
  "cookie",
  "forwarded",
  "proxy-authenticate",
  "proxy-authorization",
  "set-cookie",
  "www-authenticate",
  "x-real-ip",
  "x-request-id",
]);

const FORBIDDEN_PREFIXES = ["x-forwarded-", "x-envoy-"] as const;

/** 1 for the numbers from `HEADER` of forbidden names. */
const FORBIDDEN_IDS = new Uint8Array(256);
for (const [name, id] of Object.entries(HEADER)) FORBIDDEN_IDS[id] = isForbidden(name) ? 1 : 0;

/** Drops what must not stand in a trailer section. */
export function dropForbiddenTrailers(trailers: HeaderBlock): void {
  for (let i = 0; i < trailers.count; i++) {
    const id = trailers.idOf(i);
    const isDropped =
      id === HEADER_UNKNOWN ? isForbidden(trailers.name(i).toLowerCase()) : FORBIDDEN_IDS[id] === 1;
    if (isDropped) trailers.drop(i);
  }
}

function isForbidden(lowerName: string): boolean {
  if (FORBIDDEN_NAMES.has(lowerName)) return true;
  return FORBIDDEN_PREFIXES.some((prefix) => lowerName.startsWith(prefix));
}
