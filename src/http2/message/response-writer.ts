/** Writes the head of a response, also of the proxy's own, as a header block (RFC 9113 section 8.3.2). */
import type { HeaderBlock } from "../../http/header-block.ts";
import { BODY_TUNNEL } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import { encodedBytesMax, type HpackEncoder } from "../hpack/encoder.ts";
import { UNWRITTEN_FIELDS } from "./field-rules.ts";

/** The digits of a status and of a length. */
const FIXED_TEXT_BYTES_MAX = 24;
const FIXED_FIELDS_MAX = 2;

/** Bytes that `writeResponse` takes at most. */
export function responseBytesMax(head: ResponseHead): number {
  return localBytesMax(head.headers);
}

/** Writes a final or interim head at `at` in `out`, which has room for `responseBytesMax`. Returns the offset behind it. */
export function writeResponse(
  encoder: HpackEncoder,
  out: Uint8Array,
  at: number,
  head: ResponseHead,
): number {
  const { bodyKind, contentLength, headers, status } = head;
  const isTunnel = bodyKind === BODY_TUNNEL;
  // RFC 8441 section 5: what 101 says in HTTP/1.1, 200 says here.
  const ownStatus = isTunnel && status === 101 ? 200 : status;
  // RFC 9110 section 8.6: no Content-Length in 1xx, 204 and what opens a tunnel.
  const hasLength = !isTunnel && status >= 200 && status !== 204;
  return writeLocal(encoder, out, at, ownStatus, headers, hasLength ? contentLength : -1);
}

/** Bytes that `writeLocal` takes at most. */
export function localBytesMax(headers: HeaderBlock): number {
  const textBytes = headers.textLengthMax + FIXED_TEXT_BYTES_MAX;
  return encodedBytesMax(textBytes, headers.fieldCountMax + FIXED_FIELDS_MAX);
}

/**
 * Writes the head of an answer of our own at `at` in `out`, which has room for `localBytesMax`. A
 * `contentLength` below 0 is left out. Returns the offset behind the block.
 */
export function writeLocal(
  encoder: HpackEncoder,
  out: Uint8Array,
  at: number,
  status: number,
  headers: HeaderBlock,
  contentLength: number,
): number {
  encoder.begin(out, at);
  encoder.status(status);
  headers.writeTo(encoder, UNWRITTEN_FIELDS);
  if (contentLength >= 0) encoder.contentLength(contentLength);
  return encoder.end();
}
