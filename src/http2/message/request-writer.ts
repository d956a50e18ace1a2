/** Writes the head of a request as a header block (RFC 9113 section 8.3.1). */
import type { RequestHead } from "../../http/request-head.ts";
import type { HpackEncoder } from "../hpack/encoder.ts";

/** Bytes that `writeRequest` takes at most; `scheme` is one of http and https. */
export function requestBytesMax(_head: RequestHead, _target: string, _authority: string): number {
  throw new Error("not built");
}

/** Writes the block at `at` in `out`, which has room for `requestBytesMax`. Returns the offset behind it. */
export function writeRequest(
  _encoder: HpackEncoder,
  _out: Uint8Array,
  _at: number,
  _head: RequestHead,
  _target: string,
  _authority: string,
  _scheme: string,
): number {
  throw new Error("not built");
}
