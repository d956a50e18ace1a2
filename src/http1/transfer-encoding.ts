/** Which error a Transfer-Encoding value other than `chunked` is (RFC 9112 sections 6.1 and 6.3, T1). */

import { trimOws } from "../http/ows.ts";
import { PARSE_ERROR } from "./errors.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** `value` is in lower case. */
export function transferEncodingError(value: string): number {
  const codings = value.split(",").map(trimOws);
  // Parameters and empty elements are how codings are hidden from one of two parsers.
  if (!codings.every((coding) => TOKEN.test(coding))) return PARSE_ERROR.transferEncodingInvalid;
  // Chunked twice, or under another coding: the end of the body cannot be known.
  const chunkedAt = codings.indexOf("chunked");
  if (chunkedAt >= 0 && chunkedAt < codings.length - 1) return PARSE_ERROR.transferEncodingInvalid;
  return PARSE_ERROR.transferEncodingUnknown;
}
