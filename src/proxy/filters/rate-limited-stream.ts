/** The stream of an answer whose body is paced by a budget of bytes. Its upstream pauses while it waits. */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ServerStream } from "../stream.ts";
import type { ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall, HoldingStream } from "./http-filter.ts";
import { PacedBody, type PacedBodySink } from "./paced-body.ts";
import { PassingStream } from "./passing-stream.ts";

export class RateLimitedStream extends PassingStream implements HoldingStream, PacedBodySink {
  readonly #call: FilterCall;
  readonly #onOver: () => void;
  readonly #body: PacedBody;

  /** `onOver` is called once, when the request is over. */
  constructor(
    next: ServerStream,
    call: FilterCall,
    budget: ByteBudget,
    services: FilterServices,
    onOver: () => void,
  ) {
    super(next);
    this.#call = call;
    this.#onOver = onOver;
    this.#body = new PacedBody(this, budget, services, call.faults);
  }

  get isHolding(): boolean {
    return this.#body.isHolding;
  }

  override sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#body.take(bytes, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.#body.end(trailers);
  }

  onDrain(): boolean {
    return this.#body.unblock();
  }

  release(): void {
    this.#body.release();
    this.#onOver();
  }

  passBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.next.sendBody(bytes, start, end);
  }

  passEnd(trailers: HeaderBlock | undefined, isLate: boolean): void {
    this.next.sendEnd(trailers);
    if (isLate) this.#call.onAnswerSent();
  }

  resumeSource(): void {
    this.#call.resumeAnswer(this);
  }
}
