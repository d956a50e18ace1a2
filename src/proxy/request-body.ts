/**
 * Request body on its way upstream: what arrived before there was a connection to send it on, bounded by pausing
 * its source; and what was sent, in case it has to be sent again, as long as it is small.
 */
import { PENDING_BODY_BYTES_MAX } from "../core/limits.ts";
import type { RetryRule } from "../decision/retry-rule.ts";
import { sendsAgain } from "./retry-decision.ts";
import type { ClientStream } from "./stream.ts";

export class RequestBody {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isKept = false;
  /** Whether everything that has come so far is at hand. */
  isWhole = true;

  /** What is sent is kept if the rule may ask for it again. */
  begin(rule: RetryRule): void {
    this.#isKept = sendsAgain(rule);
  }

  /** Sends the range, or copies it until there is a stream. Returns false when the source must pause. */
  take(stream: ClientStream | undefined, bytes: Buffer, start: number, end: number): boolean {
    if (stream === undefined || this.#isKept) {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
      this.#bytes += end - start;
    }
    if (stream === undefined) return this.#bytes < PENDING_BODY_BYTES_MAX;
    if (!this.#isKept || this.#bytes > PENDING_BODY_BYTES_MAX) this.#drop();
    return stream.sendBody(bytes, start, end);
  }

  /** Hands everything to a stream that has had nothing of it. */
  sendTo(stream: ClientStream): void {
    if (this.#bytes === 0) return;
    for (const chunk of this.#chunks) stream.sendBody(chunk, 0, chunk.length);
    if (!this.#isKept || this.#bytes > PENDING_BODY_BYTES_MAX) this.#drop();
  }

  /** It will not be sent again. */
  release(): void {
    if (this.#isKept) this.#drop();
  }

  /** For the next request. */
  reset(): void {
    if (this.isWhole && this.#bytes === 0 && !this.#isKept) return;
    this.#drop();
    this.isWhole = true;
  }

  #drop(): void {
    this.#chunks.length = 0;
    this.#bytes = 0;
    this.#isKept = false;
    this.isWhole = false;
  }
}
