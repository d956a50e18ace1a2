/** Writes one HTTP/1.1 response at a time, in the form that fits the request that it answers. */
import type { HeaderBlock } from "../http/header-block.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { reasonOf } from "../http/status.ts";
import {
  isSentInChunks,
  serializeInterim,
  serializeResponseHead,
  serializeTunnelHead,
} from "../http1/serializer.ts";
import { Http1BodyWriter } from "./http1-body-writer.ts";

export class Http1ResponseWriter extends Http1BodyWriter {
  #responseStart = 0;
  #isHeadRequest = false;
  #isClientHttp10 = false;
  /** What the request asks to switch to. */
  #upgrade = "";

  /** Bytes of the current response, head and framing included. */
  get bytes(): number {
    return this.writer.bytesWritten - this.#responseStart;
  }

  /** For the next response. `request` is undefined when its bytes were refused. */
  begin(request: RequestHead | undefined): void {
    this.#responseStart = this.writer.bytesWritten;
    this.#isHeadRequest = request?.method === "HEAD";
    this.#isClientHttp10 = request?.minorVersion === 0;
    this.#upgrade = request?.upgrade ?? "";
  }

  interim(head: ResponseHead): void {
    // RFC 9110 section 15.2: no 1xx to an HTTP/1.0 client.
    if (!this.#isClientHttp10) this.writer.text(serializeInterim(head));
  }

  /** Whether only the end of the connection can tell this client where the body ends. */
  endsWithConnection(head: ResponseHead): boolean {
    return this.#isClientHttp10 && isSentInChunks(head);
  }

  head(head: ResponseHead, keepAlive: boolean): void {
    const allowsChunked = !this.#isClientHttp10;
    this.beginBody(allowsChunked && isSentInChunks(head));
    const connection = this.#connectionLine(keepAlive);
    this.writer.text(serializeResponseHead(head, allowsChunked, connection));
  }

  /** Accepts the request's Upgrade or CONNECT: the body is the tunnel's bytes, as they are. */
  tunnelHead(head: ResponseHead): void {
    this.beginBody(false);
    this.writer.text(serializeTunnelHead(head, this.#upgrade));
  }

  /** A whole response of this proxy's own. */
  local(status: number, headers: HeaderBlock, body: string, keepAlive: boolean): void {
    this.beginBody(false);
    // RFC 9110 section 8.6: no Content-Length in a 204; a 304 would have to tell the length of another answer.
    const hasLength = status !== 204 && status !== 304;
    const length = hasLength ? `content-length: ${Buffer.byteLength(body)}\r\n` : "";
    const text = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${headers.toLines()}${length}${this.#connectionLine(keepAlive)}\r\n`;
    const hasBody = hasLength && !this.#isHeadRequest;
    this.writer.text(hasBody ? text + Buffer.from(body).toString("latin1") : text);
  }

  #connectionLine(keepAlive: boolean): string {
    if (!keepAlive) return "Connection: close\r\n";
    return this.#isClientHttp10 ? "Connection: keep-alive\r\n" : "";
  }
}
