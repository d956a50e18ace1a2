/** Writes trailers as a header block (RFC 9113 section 8.1). */
import type { HeaderBlock } from "../../http/header-block.ts";
import { dropForbiddenTrailers } from "../../http/trailer-rules.ts";
import { encodedBytesMax, type HpackEncoder } from "../hpack/encoder.ts";
import { UNWRITTEN_FIELDS } from "./field-rules.ts";

/** Bytes that `writeTrailers` takes at most. */
export function trailerBytesMax(trailers: HeaderBlock): number {
  return encodedBytesMax(trailers.textLengthMax, trailers.fieldCountMax);
}

/** Writes the fields that may stand in trailers at `at` in `out`, which has room for `trailerBytesMax`. Returns the offset behind the block. */
export function writeTrailers(
  encoder: HpackEncoder,
  out: Uint8Array,
  at: number,
  trailers: HeaderBlock,
): number {
  dropForbiddenTrailers(trailers);
  encoder.begin(out, at);
  trailers.writeTo(encoder, UNWRITTEN_FIELDS);
  return encoder.end();
}
