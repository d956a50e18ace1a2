/** Content-Length in messages of HTTP/2 (RFC 9113 section 8.1.1): it must agree with the DATA, which alone frames. */
import { parseContentLength } from "../../http/content-length.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { MESSAGE_ERROR } from "./message-error.ts";

/**
 * Takes a Content-Length field out of `headers`; writers write it anew. `known` is what fields before it
 * said, -1 when there was none. Returns the length or a number from MESSAGE_ERROR.
 */
export function takeContentLength(headers: HeaderBlock, index: number, known: number): number {
  const length = parseContentLength(headers.value(index));
  headers.drop(index);
  // RFC 9110 section 8.6: repeated identical values may be merged, anything else is refused.
  if (length < 0 || (known >= 0 && known !== length)) return MESSAGE_ERROR.contentLengthInvalid;
  return length;
}
