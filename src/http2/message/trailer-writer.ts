/** Writes trailers as a header block (RFC 9113 section 8.1). */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { HpackEncoder } from "../hpack/encoder.ts";

/** Bytes that `writeTrailers` takes at most. */
export function trailerBytesMax(_trailers: HeaderBlock): number {
  throw new Error("not built");
}

/** Writes the fields that may stand in trailers at `at` in `out`, which has room for `trailerBytesMax`. Returns the offset behind the block. */
export function writeTrailers(
  _encoder: HpackEncoder,
  _out: Uint8Array,
  _at: number,
  _trailers: HeaderBlock,
): number {
  throw new Error("not built");
}
