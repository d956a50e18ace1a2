/**
 * Short texts one behind the other in one buffer, in place of the oldest. They wait as one text until some have come, and
 * are written together: to write each by itself costs more than all else that is done with a span.
 */
import { latin1, writeLatin1 } from "../../core/bytes.ts";

/** Texts that wait. What they were cut from stays in memory as long. */
const WAITING_MAX = 32;

export class TextRing {
  readonly #bytes: Buffer;
  /** Where what waits will stand. */
  #start = 0;
  #waiting = "";
  #waitingCount = 0;

  constructor(byteCount: number) {
    this.#bytes = Buffer.alloc(byteCount);
  }

  /** Takes Latin-1 text, which is shorter than the ring. Returns where it stands until so many bytes have come behind it. */
  add(text: string): number {
    const at = this.#start + this.#waiting.length;
    this.#waiting += text;
    this.#waitingCount += 1;
    if (this.#waitingCount === WAITING_MAX) this.#write();
    return at % this.#bytes.length;
  }

  read(at: number, length: number): string {
    this.#write();
    const size = this.#bytes.length;
    if (at + length <= size) return latin1(this.#bytes, at, at + length);
    return latin1(this.#bytes, at, size) + latin1(this.#bytes, 0, at + length - size);
  }

  #write(): void {
    const text = this.#waiting;
    const size = this.#bytes.length;
    const room = size - this.#start;
    writeLatin1(this.#bytes, text, this.#start, Math.min(text.length, room));
    if (text.length > room) writeLatin1(this.#bytes, text.slice(room), 0, text.length - room);
    this.#start = (this.#start + text.length) % size;
    this.#waiting = "";
    this.#waitingCount = 0;
  }
}
