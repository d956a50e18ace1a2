/**
 * Request body on its way upstream and to mirrors, changed where a filter does so: what arrived before there was a
 * connection to send it on, bounded by pausing its source; and what was sent, in case it has to be sent again, as
 * long as it is small.
 */
import { PENDING_BODY_BYTES_MAX } from "../core/limits.ts";
import type { RetryRule } from "../decision/retry-rule.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import type { RequestTransform } from "./filters/http-filter.ts";
import type { MirroredRequest } from "./mirrored-request.ts";
import { sendsAgain } from "./retry-decision.ts";
import type { ClientStream } from "./stream.ts";

export type BodyTaken = "room" | "full" | "malformed";

export class RequestBody {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isKept = false;
  #isBroken = false;
  #transform: RequestTransform | undefined;
  #mirrored: MirroredRequest | undefined;
  /** Whether everything that has come so far is at hand. */
  isWhole = true;

  /** What is sent is kept if the rule may ask for it again. */
  begin(rule: RetryRule, mirrored: MirroredRequest | undefined): void {
    this.#isKept = sendsAgain(rule);
    this.#mirrored = mirrored;
    if (mirrored === undefined) return;
    mirrored.start();
    // What came while filters held the request.
    for (const chunk of this.#chunks) mirrored.sendBody(chunk, 0, chunk.length);
  }

  /** Before `begin`. Changes what has come, too. */
  transformBy(transform: RequestTransform): void {
    this.#transform = transform;
    const held = this.#chunks.splice(0);
    this.#bytes = 0;
    for (const chunk of held) {
      if (this.take(undefined, chunk, 0, chunk.length) === "malformed") this.#isBroken = true;
    }
  }

  /** Why bytes were "malformed", or the end was. */
  get malformedReason(): string {
    return this.#transform?.malformedReason ?? "";
  }

  /** Sends the range, or copies it until there is a stream. When "full", the source must pause. */
  take(stream: ClientStream | undefined, bytes: Buffer, start: number, end: number): BodyTaken {
    if (this.#transform === undefined) return this.#pass(stream, bytes, start, end);
    const decoded = this.#transform.decode(bytes, start, end);
    if (decoded === undefined) return "malformed";
    return decoded.length === 0 ? "room" : this.#pass(stream, decoded, 0, decoded.length);
  }

  /** All of it has come. Returns false when that cannot be. The copies for mirrors are complete. */
  finish(trailers: HeaderBlock | undefined): boolean {
    if (this.#isBroken || this.#transform?.isRequestWhole === false) return false;
    this.#mirrored?.sendEnd(trailers);
    this.#mirrored = undefined;
    return true;
  }

  #pass(stream: ClientStream | undefined, bytes: Buffer, start: number, end: number): BodyTaken {
    this.#mirrored?.sendBody(bytes, start, end);
    if (stream === undefined || this.#isKept) {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
      this.#bytes += end - start;
    }
    if (stream === undefined) return this.#bytes < PENDING_BODY_BYTES_MAX ? "room" : "full";
    if (!this.#isKept || this.#bytes > PENDING_BODY_BYTES_MAX) this.#drop();
    return stream.sendBody(bytes, start, end) ? "room" : "full";
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
    this.#transform = undefined;
    this.#isBroken = false;
    this.#mirrored?.cancel();
    this.#mirrored = undefined;
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
