/** Which regular fields a message of HTTP/2 may have, as sets of numbers from `HEADER` (bits `1 << id`). */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HEADER } from "../../http/header-name.ts";

/** RFC 9113 section 8.2.2: each of these makes a message malformed. TE is judged by its value. */
export const CONNECTION_FIELDS =
  bit(HEADER.connection) |
  bit(HEADER["keep-alive"]) |
  bit(HEADER["proxy-connection"]) |
  bit(HEADER["transfer-encoding"]) |
  bit(HEADER.upgrade) |
  bit(HEADER["http2-settings"]);

/**
 * What writers leave out, whatever put it among the fields: what HTTP/2 forbids, and what they write
 * anew from the head.
 */
export const UNWRITTEN_FIELDS =
  CONNECTION_FIELDS | bit(HEADER.te) | bit(HEADER.host) | bit(HEADER["content-length"]);

export function bit(id: number): number {
  return 1 << id;
}

/** RFC 9113 section 8.2.2: TE may say "trailers" and nothing else. */
export function isTeTrailers(headers: HeaderBlock, index: number): boolean {
  return headers.isValue(index, "trailers") || headers.value(index).toLowerCase() === "trailers";
}
