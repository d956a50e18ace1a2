/**
 * The bytes of a head or trailer section that has not come to its end. What has come is judged at
 * once, so that the verdict does not depend on how bytes were split; a peer that sends single bytes
 * must not make each of them cost a scan of all before it. So bytes that can only prolong the token
 * or value at the end are kept without a scan: the work stays in proportion to lines, not reads.
 */
import { START_LINE_BYTES_MAX } from "../core/limits.ts";
import { FIELD_VALUE, TOKEN_LOWER } from "../http/char-table.ts";

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
/** Most heads that come in two reads fit. */
const CAPACITY_BYTES_MIN = 1024;

/**
 * For a start line that is well-formed so far: the table whose non-zero bytes prolong what stands at
 * its end, or undefined where each byte matters.
 */
export type StartLineClass = (line: Buffer) => Uint8Array | undefined;

export class PartialSection {
  readonly #startLineClass: StartLineClass | undefined;
  #bytes: Buffer | undefined;
  #length = 0;
  #isInStartLine = false;
  /** Non-zero for bytes that change nothing but the length. */
  #prolonging: Uint8Array | undefined;

  /** `startLineClass` is left out for sections that begin with a field. */
  constructor(startLineClass: StartLineClass | undefined) {
    this.#startLineClass = startLineClass;
  }

  /** Bytes kept. */
  get length(): number {
    return this.#length;
  }

  /** The kept bytes. Valid until the next call. */
  get view(): Buffer {
    return this.#bytes!.subarray(0, this.#length);
  }

  /** Copies a range behind the kept bytes. Returns whether the section must be scanned again. */
  append(bytes: Buffer, start: number, end: number): boolean {
    this.#reserve(this.#length + end - start);
    bytes.copy(this.#bytes!, this.#length, start, end);
    this.#length += end - start;
    const prolonging = this.#prolonging;
    if (prolonging === undefined) return true;
    if (this.#isInStartLine && this.#length >= START_LINE_BYTES_MAX) return true;
    for (let at = start; at < end; at++) {
      if (prolonging[bytes[at]!] === 0) return true;
    }
    return false;
  }

  /** The kept bytes were scanned, found well-formed and not complete. */
  markScanned(): void {
    const view = this.view;
    const lineStart = view.lastIndexOf(LF) + 1;
    this.#isInStartLine = lineStart === 0 && this.#startLineClass !== undefined;
    if (view[this.#length - 1] === CR) this.#prolonging = undefined;
    else if (this.#isInStartLine) this.#prolonging = this.#startLineClass?.(view);
    else this.#prolonging = view.indexOf(COLON, lineStart) < 0 ? TOKEN_LOWER : FIELD_VALUE;
  }

  clear(): void {
    this.#bytes = undefined;
    this.#length = 0;
    this.#prolonging = undefined;
  }

  #reserve(length: number): void {
    const old = this.#bytes;
    if (old !== undefined && old.length >= length) return;
    const grown = Buffer.allocUnsafe(Math.max(CAPACITY_BYTES_MIN, 2 * length));
    old?.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
