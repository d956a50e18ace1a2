/** The head of a request as any codec delivers it. One object per connection or stream, reused. */
import { HeaderBlock } from "./header-block.ts";

/** How the length of a body is told. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
/** Responses only: until the connection ends. */
export const BODY_UNTIL_CLOSE = 3;
export type BodyKind =
  | typeof BODY_NONE
  | typeof BODY_LENGTH
  | typeof BODY_CHUNKED
  | typeof BODY_UNTIL_CLOSE;

export class RequestHead {
  method = "";
  /** The request target as received. */
  target = "";
  /** True when `target` has bytes after which its normal form may differ (`%`, `\`, `//`, `/.`). */
  hasSpecialBytes = false;
  /**
   * Where the request line and a Host line behind it end in `headers.text`, when both can be passed on
   * as they are, otherwise 0. Codecs of other versions leave it 0.
   */
  startEnd = 0;
  /** Offset of `?` in `target`, or -1. */
  queryAt = -1;
  /** From Host or an absolute-form target, as received. Empty where HTTP/1.0 gave none. */
  authority = "";
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minorVersion = 1;
  bodyKind: BodyKind = BODY_NONE;
  /** What Content-Length says, in bytes; -1 when there is none. */
  contentLength = -1;
  /** Whether the peer lets the connection live on after this exchange (RFC 9112 section 9.3). */
  keepAlive = true;
  expectsContinue = false;
  /** TE: trailers, which stays among the fields. */
  acceptsTrailers = false;
  /** The protocol that the client wants to switch to, otherwise empty. Offers of h2c are ignored. */
  upgrade = "";
  readonly headers = new HeaderBlock();
}
