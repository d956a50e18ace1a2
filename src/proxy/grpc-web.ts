/**
 * gRPC-Web (PROTOCOL-WEB of the gRPC documents) as gRPC: what browsers can send and read, which know no
 * trailers. The request becomes one of gRPC; of its answer the trailers become the last frame of the body, and in
 * the text form all of the body is base64.
 */
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { HEADER } from "../http/header-name.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, type RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import type { RequestTransform } from "./filters/http-filter.ts";
import { Base64Decoder, Base64FrameEncoder } from "./grpc-web-text.ts";
import type { ServerStream } from "./stream.ts";

const CONTENT_TYPE = new HeaderName("content-type");
const TE_TRAILERS = new HeaderField(new HeaderName("te"), "trailers");
/** `application/grpc-web`, `-text` for base64, and what the messages are. */
const WEB_TYPE = /^application\/grpc-web(-text)?(\+[a-z0-9.-]+)?$/i;
const TRAILER_FRAME = 0x80;

/** Undefined for requests of other kinds, which are not touched. */
export function grpcWebCall(
  head: RequestHead | undefined,
  downstream: ServerStream,
): GrpcWebCall | undefined {
  if (head?.method !== "POST") return undefined;
  const at = head.headers.indexOf(HEADER["content-type"]);
  const type = at < 0 ? null : WEB_TYPE.exec(head.headers.value(at));
  return type === null ? undefined : new GrpcWebCall(head, type, downstream);
}

/** One call: makes its request one of gRPC, and stands before the stream that its answer is written to. */
export class GrpcWebCall implements ServerStream, RequestTransform {
  readonly malformedReason = "the body of application/grpc-web-text is no base64";
  readonly #downstream: ServerStream;
  readonly #decoder: Base64Decoder | undefined;
  readonly #answerType: HeaderField;
  readonly #isAnswerText: boolean;
  #encoder: Base64FrameEncoder | undefined;
  /** The answer can have a last frame. */
  #hasFrames = false;

  constructor(
    head: RequestHead,
    [, text, messages = ""]: RegExpExecArray,
    downstream: ServerStream,
  ) {
    this.#downstream = downstream;
    const { headers } = head;
    const wanted = WEB_TYPE.exec(headers.get("accept") ?? "");
    // As in Envoy, Accept decides about the answer, where it names a form.
    this.#isAnswerText = (wanted === null ? text : wanted[1]) !== undefined;
    const form = this.#isAnswerText ? "application/grpc-web-text" : "application/grpc-web";
    this.#answerType = new HeaderField(CONTENT_TYPE, form + (messages || "+proto"));
    headers.set(new HeaderField(CONTENT_TYPE, `application/grpc${messages}`));
    headers.set(TE_TRAILERS);
    head.acceptsTrailers = true;
    if (text === undefined) return;
    this.#decoder = new Base64Decoder();
    if (head.bodyKind === BODY_LENGTH) {
      head.bodyKind = BODY_CHUNKED;
      head.contentLength = -1;
    }
  }

  /** Bytes of the request as gRPC has them, or undefined when they are not what the content type says. */
  decode(bytes: Buffer, start: number, end: number): Buffer | undefined {
    if (this.#decoder === undefined) return bytes.subarray(start, end);
    return this.#decoder.decode(bytes, start, end);
  }

  /** Whether the request may end here. */
  get isRequestWhole(): boolean {
    return this.#decoder?.isWhole ?? true;
  }

  get connection(): DownstreamConnection {
    return this.#downstream.connection;
  }

  get requestBytes(): number {
    return this.#downstream.requestBytes;
  }

  get responseBytes(): number {
    return this.#downstream.responseBytes;
  }

  closeAfterResponse(): void {
    this.#downstream.closeAfterResponse();
  }

  sendInterim(head: ResponseHead): void {
    this.#downstream.sendInterim(head);
  }

  sendHead(head: ResponseHead): void {
    const at = head.headers.indexOf(HEADER["content-type"]);
    const isGrpc = at >= 0 && head.headers.value(at).startsWith("application/grpc");
    // What is not gRPC's, such as an error page, is passed on as it is.
    if (isGrpc) {
      head.headers.set(this.#answerType);
      this.#hasFrames = head.bodyKind !== BODY_NONE;
      if (this.#hasFrames && this.#isAnswerText) this.#encoder = new Base64FrameEncoder();
      // Neither base64 nor a frame more fits the length that was told.
      if (this.#hasFrames) {
        head.bodyKind = BODY_CHUNKED;
        head.contentLength = -1;
      }
    }
    this.#downstream.sendHead(head);
  }

  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    if (headers.get("grpc-status") !== undefined) headers.set(this.#answerType);
    this.#downstream.sendLocal(status, headers, body);
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    if (this.#encoder === undefined) return this.#downstream.sendBody(bytes, start, end);
    return this.#sendText(this.#encoder.encode(bytes, start, end));
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (!this.#hasFrames) {
      this.#downstream.sendEnd(trailers);
      return;
    }
    if (trailers !== undefined) {
      const frame = trailerFrame(trailers);
      this.sendBody(frame, 0, frame.length);
    }
    if (this.#encoder !== undefined) this.#sendText(this.#encoder.end());
    this.#downstream.sendEnd(undefined);
  }

  reset(): void {
    this.#downstream.reset();
  }

  pauseRequest(): void {
    this.#downstream.pauseRequest();
  }

  resumeRequest(): void {
    this.#downstream.resumeRequest();
  }

  #sendText(text: string): boolean {
    if (text === "") return true;
    const bytes = Buffer.from(text, "latin1");
    return this.#downstream.sendBody(bytes, 0, bytes.length);
  }
}

/** A frame with the trailers as lines of HTTP/1, their names in lower case. */
function trailerFrame(trailers: HeaderBlock): Buffer {
  let lines = "";
  trailers.forEach((name, value) => {
    lines += `${name.toLowerCase()}: ${value}\r\n`;
  });
  const frame = Buffer.alloc(5 + lines.length);
  frame[0] = TRAILER_FRAME;
  frame.writeUInt32BE(lines.length, 1);
  frame.write(lines, 5, "latin1");
  return frame;
}
