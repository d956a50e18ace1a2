/** Turns a decoded field section into the head of a response (RFC 9113 section 8.3.2). */
import type { ResponseHead } from "../../http/response-head.ts";
import type { FieldSection } from "../hpack/field-section.ts";

/**
 * Fills `head`, whose block `section` was decoded into. `requestMethod` is what the request head said
 * ("GET" for an extended CONNECT, which `isTunnelRequest` tells). Returns MESSAGE_OK or a number from
 * MESSAGE_ERROR.
 */
export function readResponse(
  _section: FieldSection,
  _isEndStream: boolean,
  _requestMethod: string,
  _isTunnelRequest: boolean,
  _head: ResponseHead,
): number {
  throw new Error("not built");
}
