/** Puts a stored body behind the head of an answer, as fast as its client takes it. */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { AnswerPart } from "../cache/stored-answer.ts";
import { StoredBody } from "../cache/stored-body.ts";
import type { DownstreamConnection } from "../downstream-connection.ts";
import type { ServerStream } from "../stream.ts";
import type { FilterCall, HoldingStream } from "./http-filter.ts";

export class StoredAnswerStream implements HoldingStream {
  readonly #next: ServerStream;
  readonly #call: FilterCall;
  readonly #body: StoredBody;
  isHolding = false;

  constructor(next: ServerStream, call: FilterCall, body: Buffer, part: AnswerPart) {
    this.#next = next;
    this.#call = call;
    this.#body = new StoredBody(next, body, part);
  }

  get connection(): DownstreamConnection {
    return this.#next.connection;
  }

  get requestBytes(): number {
    return this.#next.requestBytes;
  }

  get responseBytes(): number {
    return this.#next.responseBytes;
  }

  sendEnd(): void {
    this.isHolding = !this.#body.pump();
  }

  onDrain(): boolean {
    if (this.isHolding && this.#body.pump()) {
      this.isHolding = false;
      this.#call.onAnswerSent();
    }
    return false;
  }

  release(): void {
    this.isHolding = false;
  }

  closeAfterResponse(): void {
    this.#next.closeAfterResponse();
  }

  sendInterim(head: ResponseHead): void {
    this.#next.sendInterim(head);
  }

  sendHead(head: ResponseHead): void {
    this.#next.sendHead(head);
  }

  sendLocal(status: number, headers: HeaderBlock, body: string): void {
    this.#next.sendLocal(status, headers, body);
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#next.sendBody(bytes, start, end);
  }

  reset(): void {
    this.#next.reset();
  }

  pauseRequest(): void {
    this.#next.pauseRequest();
  }

  resumeRequest(): void {
    this.#next.resumeRequest();
  }
}
