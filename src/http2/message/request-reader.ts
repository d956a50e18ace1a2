/** Turns a decoded field section into the head of a request (RFC 9113 sections 8.3.1 and 8.5, RFC 8441). */
import type { RequestHead } from "../../http/request-head.ts";
import type { FieldSection } from "../hpack/field-section.ts";

/**
 * Fills `head`, whose block `section` was decoded into. `isEndStream` tells that no DATA follows.
 * Returns MESSAGE_OK or a number from MESSAGE_ERROR, after which the head must not be used.
 */
export function readRequest(
  _section: FieldSection,
  _isEndStream: boolean,
  _head: RequestHead,
): number {
  throw new Error("not built");
}
