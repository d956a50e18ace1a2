/** The head of a request as any codec delivers it. One object per connection or stream, reused. */
import { HeaderBlock } from "./header-block.ts";

/** How the length of a body is told. */
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
/** Responses only: until the connection ends. */
export const BODY_UNTIL_CLOSE = 3;
/**
 * Bytes of another protocol in both directions, behind an accepted Upgrade or CONNECT. Codecs of every
 * version tell it as HTTP/1.1 does: a request with `upgrade` (HTTP/2: extended CONNECT, RFC 8441) is
 * accepted by 101, CONNECT by 2xx; each side may end before the other.
 */
export const BODY_TUNNEL = 4;
export type BodyKind =
  | typeof BODY_NONE
  | typeof BODY_LENGTH
  | typeof BODY_CHUNKED
  | typeof BODY_UNTIL_CLOSE
  | typeof BODY_TUNNEL;

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
  /** What the client's connection says, whatever it claims. */
  scheme: "http" | "https" = "http";
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
  readonly headers: HeaderBlock;

  constructor(headers = new HeaderBlock()) {
    this.headers = headers;
  }
}
