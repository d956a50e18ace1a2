/** One request on an upstream HTTP/2 connection: between its stream and the exchange that waits for the answer. */
import type { HeaderBlock } from "../http/header-block.ts";
import { BODY_NONE, BODY_TUNNEL, type RequestHead } from "../http/request-head.ts";
import { type Http2Client, Http2ResponseStream } from "../http2/client-connection.ts";
import { ERROR_CODE, errorCodeName } from "../http2/error-code.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import { answerWebsocketKey } from "./websocket-handshake.ts";

export interface Http2ClientStreamOwner {
  readonly http2: Http2Client<Http2ClientStream>;
  onFault(error: unknown): void;
  failureFor(reason: string): UpstreamFailure;
  /** The stream is over: its object may carry another request. */
  onStreamFree(stream: Http2ClientStream): void;
}

export class Http2ClientStream extends Http2ResponseStream implements ClientStream, FaultOwner {
  readonly #owner: Http2ClientStreamOwner;
  #handler: ClientStreamHandler | undefined;
  /** Of a WebSocket's handshake in HTTP/1.1, which the upstream need not answer. */
  #websocketKey: string | undefined;

  constructor(owner: Http2ClientStreamOwner) {
    super();
    this.#owner = owner;
  }

  attach(handler: ClientStreamHandler): void {
    this.#handler = handler;
  }

  /** Nothing is told to the exchange any more. */
  detach(): void {
    this.#handler = undefined;
  }

  sendHead(head: RequestHead, target: string, authority: string): void {
    const { http2 } = this.#owner;
    this.#websocketKey =
      head.bodyKind === BODY_TUNNEL ? head.headers.get("sec-websocket-key") : undefined;
    http2.sendRequest(this, head, target, authority, head.bodyKind === BODY_NONE);
    // RFC 8441 section 3. The exchange must not hear of it within its own call.
    const isTunnel = this.isTunnelRequest && head.upgrade !== "";
    if (isTunnel && !http2.mayTakeTunnels) setImmediate(this.#refuseTunnel, this.id);
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#owner.http2.sendData(this, bytes, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.#owner.http2.sendEnd(this, trailers);
  }

  reset(): void {
    this.#handler = undefined;
    this.#owner.http2.reset(this, ERROR_CODE.cancel);
  }

  pauseResponse(): void {
    this.#owner.http2.pauseReading(this);
  }

  resumeResponse(): void {
    this.#owner.http2.resumeReading(this);
  }

  onFault(error: unknown): void {
    this.#owner.onFault(error);
  }

  override onInterim(): void {
    this.#handler?.onInterim(this.head);
  }

  override onResponse(): void {
    if (this.head.bodyKind === BODY_TUNNEL) {
      answerWebsocketKey(this.#websocketKey, this.head.headers);
    }
    this.#handler?.onResponseHead(this.head);
  }

  override onData(bytes: Buffer, start: number, end: number): void {
    this.#handler?.onResponseBody(bytes, start, end);
  }

  override onEnd(trailers: HeaderBlock | undefined): void {
    const handler = this.#handler;
    const { id } = this;
    // The other direction of a tunnel goes on.
    const isTunnel = this.head.bodyKind === BODY_TUNNEL;
    if (!isTunnel) this.#handler = undefined;
    handler?.onResponseEnd(trailers);
    // RFC 9113 section 8.1: the answer is complete, the rest of its request is of no use.
    const isOpen = this.id === id && !this.isClosed;
    if (isOpen && !isTunnel) this.#owner.http2.reset(this, ERROR_CODE.noError);
  }

  override onSendDrain(): void {
    this.#handler?.onUpstreamDrain();
  }

  override onPeerReset(code: number): void {
    const name = errorCodeName(code);
    // RFC 9113 section 8.7.
    if (code === ERROR_CODE.refusedStream) this.#fail({ kind: "stream-refused", reason: name });
    else this.#fail({ kind: "stream-reset", code: name });
  }

  override onMalformed(reason: string): void {
    this.#fail({ kind: "protocol-error", reason });
  }

  override onRefused(reason: string): void {
    this.#fail({ kind: "stream-refused", reason });
  }

  override onLost(reason: string): void {
    this.#fail(this.#owner.failureFor(reason));
  }

  override onClosed(): void {
    this.#handler = undefined;
    this.#owner.onStreamFree(this);
  }

  readonly #refuseTunnel = guarded(this, (id: number): void => {
    if (this.id !== id || this.isClosed) return;
    const reason = "the upstream takes no tunnels over HTTP/2";
    const handler = this.#handler;
    this.reset();
    handler?.onUpstreamFailure({ kind: "protocol-error", reason });
  });

  #fail(failure: UpstreamFailure): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onUpstreamFailure(failure);
  }
}
