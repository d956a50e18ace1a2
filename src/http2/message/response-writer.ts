/** Writes the head of a response, also of the proxy's own, as a header block (RFC 9113 section 8.3.2). */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { HpackEncoder } from "../hpack/encoder.ts";

/** Bytes that `writeResponse` takes at most. */
export function responseBytesMax(_head: ResponseHead): number {
  throw new Error("not built");
}

/** Writes a final or interim head at `at` in `out`, which has room for `responseBytesMax`. Returns the offset behind it. */
export function writeResponse(
  _encoder: HpackEncoder,
  _out: Uint8Array,
  _at: number,
  _head: ResponseHead,
): number {
  throw new Error("not built");
}

/** Bytes that `writeLocal` takes at most. */
export function localBytesMax(_headers: HeaderBlock): number {
  throw new Error("not built");
}

/** Writes the head of an answer of our own. `contentLength` is left out when below 0. Returns the offset behind the block. */
export function writeLocal(
  _encoder: HpackEncoder,
  _out: Uint8Array,
  _at: number,
  _status: number,
  _headers: HeaderBlock,
  _contentLength: number,
): number {
  throw new Error("not built");
}
