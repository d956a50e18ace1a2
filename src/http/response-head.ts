/** The head of a response as any codec delivers it. One object per connection or stream, reused. */
import { HeaderBlock } from "./header-block.ts";
import { BODY_NONE, type BodyKind } from "./request-head.ts";

export class ResponseHead {
  status = 0;
  /** As received; only HTTP/1.1 has one, and nothing may depend on it. */
  reason = "";
  minorVersion = 1;
  bodyKind: BodyKind = BODY_NONE;
  /** What Content-Length says, in bytes; -1 when there is none. Answers to HEAD and 304 have one without a body. */
  contentLength = -1;
  keepAlive = true;
  /** Milliseconds after which the peer closes the idle connection, as Keep-Alive tells; 0 when it does not. */
  keepAliveTimeoutMs = 0;
  readonly headers: HeaderBlock;

  constructor(headers = new HeaderBlock()) {
    this.headers = headers;
  }
}
