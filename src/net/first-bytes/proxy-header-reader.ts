/**
 * Finds the PROXY protocol header at the start of a connection, of version 1 or 2. A function of the
 * bytes from the connection's start, so that no split changes the verdict.
 */
import {
  type ProxyHeader,
  type ProxyHeaderFault,
  V1_SIGNATURE,
  V2_SIGNATURE,
} from "./proxy-header.ts";
import { readProxyHeaderV1 } from "./proxy-header-v1.ts";
import { readProxyHeaderV2 } from "./proxy-header-v2.ts";

export type ProxyHeaderVerdict =
  | { readonly kind: "need-more" }
  | { readonly kind: "absent" }
  | { readonly kind: "malformed"; readonly fault: ProxyHeaderFault }
  | { readonly kind: "header"; readonly header: ProxyHeader };

const NEED_MORE: ProxyHeaderVerdict = { kind: "need-more" };
const ABSENT: ProxyHeaderVerdict = { kind: "absent" };

/**
 * `start` is the connection's first byte. The caller keeps the bytes at "need-more", at most
 * PROXY_HEADER_BYTES_MAX, and ends the connection when no more come in time. "header" has the length of
 * the header: the caller passes on what stands behind it and nothing else. "absent" comes on the first
 * byte that no header has; whether a listener serves such a connection is its configuration's matter, as
 * a header must be taken from trusted peers only (section 5). "malformed": the connection must be closed.
 */
export function readProxyHeader(bytes: Buffer, start: number, end: number): ProxyHeaderVerdict {
  if (start === end) return NEED_MORE;
  const isBinary = bytes[start] === V2_SIGNATURE[0];
  const signature = isBinary ? V2_SIGNATURE : V1_SIGNATURE;
  const count = Math.min(signature.length, end - start);
  if (bytes.compare(signature, 0, count, start, start + count) !== 0) return ABSENT;
  if (count < signature.length) return NEED_MORE;
  const result = isBinary
    ? readProxyHeaderV2(bytes, start, end)
    : readProxyHeaderV1(bytes, start, end);
  if (result === undefined) return NEED_MORE;
  return typeof result === "string"
    ? { kind: "malformed", fault: result }
    : { kind: "header", header: result };
}
