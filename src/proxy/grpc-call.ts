/**
 * One unary call of gRPC to a service that the proxy itself asks, without a gRPC library.
 */
import { GRPC_REPLY_BYTES_MAX } from "../core/limits.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { GRPC_TIMEOUT } from "../http/known-headers.ts";
import { BODY_CHUNKED, RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { GRPC_STATUS, grpcStatusOfHttp, parseGrpcStatus } from "../telemetry/grpc-status.ts";
import { ServiceCall, type ServiceCallOptions, type ServiceConversation } from "./service-call.ts";
import type { ClientStream } from "./stream.ts";

/** Told once, never from within `start`. */
export interface GrpcCallHandler {
  /** The one message of the answer, without its prefix. Valid during the call. */
  onGrpcReply(message: Buffer): void;
  onGrpcFailure(status: number, reason: string): void;
}

export interface GrpcCallOptions extends ServiceCallOptions {
  /** `/package.Service/Method`. */
  readonly method: string;
  /** What the other end is told to be asked as. */
  readonly authority: string;
  /** Encoded, without a prefix. Nobody changes it any more. */
  readonly message: Uint8Array;
}

/** Flag of compression and length. */
const PREFIX_BYTES = 5;
const NOTHING: Buffer = Buffer.alloc(0);
const CONTENT_TYPE = new HeaderField(new HeaderName("content-type"), "application/grpc");
const TE = new HeaderField(new HeaderName("te"), "trailers");

export class GrpcCall implements ServiceConversation {
  readonly isGrpc = true;
  readonly #options: GrpcCallOptions;
  readonly #handler: GrpcCallHandler;
  readonly #call: ServiceCall;
  #httpStatus = 0;
  /** -1 while none has come. */
  #grpcStatus = -1;
  #grpcMessage = "";
  #received = NOTHING;

  constructor(options: GrpcCallOptions, handler: GrpcCallHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#call = new ServiceCall(options, this);
  }

  /** Returns why the call could not be made, and tells the handler nothing then. */
  start(): string | undefined {
    return this.#call.start();
  }

  /** Nobody waits for the answer any more. The handler is told nothing. */
  cancel(): void {
    this.#call.cancel();
  }

  sendRequest(stream: ClientStream): void {
    const { method, authority, message, timeoutMs } = this.#options;
    const head = new RequestHead();
    head.method = "POST";
    head.bodyKind = BODY_CHUNKED;
    head.acceptsTrailers = true;
    head.headers.add(CONTENT_TYPE);
    head.headers.add(TE);
    if (timeoutMs > 0) head.headers.add(new HeaderField(GRPC_TIMEOUT, `${Math.ceil(timeoutMs)}m`));
    stream.sendHead(head, method, authority);
    const body = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
    body[0] = 0;
    body.writeUInt32BE(message.length, 1);
    body.set(message, PREFIX_BYTES);
    stream.sendBody(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onReplyHead(head: ResponseHead): void {
    this.#httpStatus = head.status;
    this.#readStatus(head.headers);
  }

  onReplyBody(bytes: Buffer, start: number, end: number): void {
    if (this.#received.length + end - start <= GRPC_REPLY_BYTES_MAX) {
      this.#received = Buffer.concat([this.#received, bytes.subarray(start, end)]);
      return;
    }
    this.#call.cancel();
    this.#handler.onGrpcFailure(GRPC_STATUS.resourceExhausted, "the answer is too long");
  }

  onReplyEnd(trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined) this.#readStatus(trailers);
    const status = this.#statusOfAnswer();
    const message = status === GRPC_STATUS.ok ? messageIn(this.#received) : undefined;
    if (message !== undefined) this.#handler.onGrpcReply(message);
    else if (status !== GRPC_STATUS.ok) this.#handler.onGrpcFailure(status, this.#grpcMessage);
    else
      this.#handler.onGrpcFailure(
        GRPC_STATUS.internal,
        `the answer is no message of gRPC (${this.#received.length} bytes)`,
      );
  }

  onNoReply(why: "timeout" | "upstream", reason: string): void {
    const status = why === "timeout" ? GRPC_STATUS.deadlineExceeded : GRPC_STATUS.unavailable;
    this.#handler.onGrpcFailure(status, reason);
  }

  #readStatus(headers: HeaderBlock): void {
    const text = headers.get("grpc-status");
    if (text === undefined) return;
    this.#grpcStatus = parseGrpcStatus(text);
    this.#grpcMessage = decoded(headers.get("grpc-message") ?? "");
  }

  #statusOfAnswer(): number {
    if (this.#grpcStatus >= 0) return this.#grpcStatus;
    // gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping".
    return this.#httpStatus === 200 ? GRPC_STATUS.unknown : grpcStatusOfHttp(this.#httpStatus);
  }
}

/** gRPC over HTTP/2, "Percent-Encoded"; what is badly encoded is shown as it came. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The one message of a body, or undefined when it is none, or compressed, which was not offered. */
function messageIn(body: Buffer): Buffer | undefined {
  if (body.length < PREFIX_BYTES || body[0] !== 0) return undefined;
  if (body.readUInt32BE(1) !== body.length - PREFIX_BYTES) return undefined;
  return body.subarray(PREFIX_BYTES);
}
