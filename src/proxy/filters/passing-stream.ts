/** The stream of an answer that hands everything on to the stream behind it. What a filter changes, it overrides. */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { DownstreamConnection } from "../downstream-connection.ts";
import type { ServerStream } from "../stream.ts";

export abstract class PassingStream implements ServerStream {
  protected readonly next: ServerStream;

  constructor(next: ServerStream) {
    this.next = next;
  }

  get connection(): DownstreamConnection {
    return this.next.connection;
  }

  get requestBytes(): number {
    return this.next.requestBytes;
  }

  get responseBytes(): number {
    return this.next.responseBytes;
  }

  closeAfterResponse(): void {
    this.next.closeAfterResponse();
  }

  sendInterim(head: ResponseHead): void {
    this.next.sendInterim(head);
  }

  sendHead(head: ResponseHead): void {
    this.next.sendHead(head);
  }

  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    this.next.sendLocal(status, headers, body);
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.next.sendBody(bytes, start, end);
  }

  abstract sendEnd(trailers: HeaderBlock | undefined): void;

  reset(): void {
    this.next.reset();
  }

  pauseRequest(): void {
    this.next.pauseRequest();
  }

  resumeRequest(): void {
    this.next.resumeRequest();
  }
}
