/** The body of a request, paced by a budget of bytes. Its client pauses while it waits. */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ByteBudget } from "./bandwidth-budget.ts";
import type { FilterServices } from "./filter-services.ts";
import type { FilterCall, RequestPacer, RequestPath } from "./http-filter.ts";
import { PacedBody, type PacedBodySink } from "./paced-body.ts";

export class RateLimitedRequest implements RequestPacer, PacedBodySink {
  readonly #path: RequestPath;
  readonly #body: PacedBody;

  constructor(path: RequestPath, call: FilterCall, budget: ByteBudget, services: FilterServices) {
    this.#path = path;
    this.#body = new PacedBody(this, budget, services, call.faults);
  }

  take(bytes: Buffer, start: number, end: number): boolean {
    return this.#body.take(bytes, start, end);
  }

  takeEnd(trailers: HeaderBlock | undefined): void {
    this.#body.end(trailers);
  }

  onRoom(): void {
    if (this.#body.unblock() && !this.#body.hasEnded) this.#path.resume();
  }

  release(): void {
    this.#body.release();
  }

  passBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.#path.next.take(bytes, start, end);
  }

  passEnd(trailers: HeaderBlock | undefined): void {
    this.#path.next.takeEnd(trailers);
  }

  resumeSource(): void {
    this.#path.resume();
  }
}
