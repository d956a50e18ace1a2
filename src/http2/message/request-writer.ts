/** Writes the head of a request as a header block (RFC 9113 section 8.3.1). */
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_TUNNEL, type RequestHead } from "../../http/request-head.ts";
import { encodedBytesMax, type HpackEncoder } from "../hpack/encoder.ts";
import { UNWRITTEN_FIELDS } from "./field-rules.ts";

const TE_TRAILERS = new HeaderField(new HeaderName("te"), "trailers");

/** `CONNECT`, `:protocol`, `https`, the digits of a length, `te: trailers`. */
const FIXED_TEXT_BYTES_MAX = 64;
/** Five pseudo fields, Content-Length and TE. */
const FIXED_FIELDS_MAX = 7;

/** Bytes that `writeRequest` takes at most with these; `scheme` is http or https. */
export function requestBytesMax(head: RequestHead, target: string, authority: string): number {
  const { headers, method, upgrade } = head;
  const own = method.length + upgrade.length + target.length + authority.length;
  const textBytes = headers.textLengthMax + own + FIXED_TEXT_BYTES_MAX;
  return encodedBytesMax(textBytes, headers.fieldCountMax + FIXED_FIELDS_MAX);
}

/**
 * Writes the block at `at` in `out`, which has room for `requestBytesMax`. `target` is what the head's is
 * made into, `authority` what it is sent to. Returns the offset behind the block.
 */
export function writeRequest(
  encoder: HpackEncoder,
  out: Uint8Array,
  at: number,
  head: RequestHead,
  target: string,
  authority: string,
  scheme: string,
): number {
  encoder.begin(out, at);
  if (head.bodyKind === BODY_TUNNEL) writeConnect(encoder, head, target, authority, scheme);
  else {
    encoder.method(head.method);
    writePlace(encoder, target, authority, scheme);
  }
  head.headers.writeTo(encoder, UNWRITTEN_FIELDS);
  if (head.acceptsTrailers) encoder.addField(TE_TRAILERS);
  if (head.contentLength >= 0) encoder.contentLength(head.contentLength);
  return encoder.end();
}

function writeConnect(
  encoder: HpackEncoder,
  head: RequestHead,
  target: string,
  authority: string,
  scheme: string,
): void {
  encoder.method("CONNECT");
  if (head.upgrade === "") {
    // RFC 9113 section 8.5: what HTTP/1.1 has for a target.
    encoder.authority(target);
    return;
  }
  // RFC 8441 section 5. Upgrade is read in any case (RFC 9110 section 7.8), :protocol as it is registered.
  encoder.protocol(head.upgrade.toLowerCase());
  writePlace(encoder, target, authority, scheme);
}

function writePlace(
  encoder: HpackEncoder,
  target: string,
  authority: string,
  scheme: string,
): void {
  encoder.scheme(scheme);
  // RFC 9113 section 8.3.1: a request that came without an authority is passed on without.
  if (authority !== "") encoder.authority(authority);
  encoder.path(target);
}
