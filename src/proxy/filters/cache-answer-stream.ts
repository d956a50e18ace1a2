/** Puts a stored body behind the head of an answer, as fast as its client takes it. */
import type { AnswerPart } from "../cache/stored-answer.ts";
import { StoredBody } from "../cache/stored-body.ts";
import type { ServerStream } from "../stream.ts";
import type { FilterCall, HoldingStream } from "./http-filter.ts";
import { PassingStream } from "./passing-stream.ts";

export class StoredAnswerStream extends PassingStream implements HoldingStream {
  readonly #call: FilterCall;
  readonly #body: StoredBody;
  isHolding = false;

  constructor(next: ServerStream, call: FilterCall, body: Buffer, part: AnswerPart) {
    super(next);
    this.#call = call;
    this.#body = new StoredBody(next, body, part);
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
}
