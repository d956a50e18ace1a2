/** Brings a head to its end over any number of reads, within its bound, and has it scanned. */
import { HEAD_SIZE_BYTES_MAX } from "../core/limits.ts";
import { NEED_MORE, PARSE_ERROR } from "./errors.ts";
import { PartialSection, type StartLineClass } from "./partial-section.ts";

export interface HeadScanner {
  /** Returns the offset behind the head that begins at `start`, NEED_MORE, or an error number. */
  scanHead(bytes: Buffer, start: number, end: number): number;
}

export class HeadReader {
  readonly #startLineClass: StartLineClass;
  readonly #scanner: HeadScanner;
  /** Bytes of a head that is not complete. Most heads come in one read. */
  #partial: PartialSection | undefined;

  constructor(startLineClass: StartLineClass, scanner: HeadScanner) {
    this.#startLineClass = startLineClass;
    this.#scanner = scanner;
  }

  /** Whether a part of a head has come. */
  get isMidHead(): boolean {
    return this.#partial !== undefined;
  }

  /** Returns the offset in `bytes` behind the head, NEED_MORE when all bytes are used, or an error number. */
  read(bytes: Buffer, start: number, end: number): number {
    if (this.#partial !== undefined) return this.#readOn(this.#partial, bytes, start, end);
    const used = this.#scanner.scanHead(bytes, start, Math.min(end, start + HEAD_SIZE_BYTES_MAX));
    if (used !== NEED_MORE) return used;
    if (end - start >= HEAD_SIZE_BYTES_MAX) return PARSE_ERROR.headTooLarge;
    this.#partial = new PartialSection(this.#startLineClass);
    this.#partial.append(bytes, start, end);
    this.#partial.markScanned();
    return NEED_MORE;
  }

  /** Goes on with a head whose first bytes are kept. */
  #readOn(partial: PartialSection, bytes: Buffer, start: number, end: number): number {
    const keptLength = partial.length;
    // No scan goes past the bound, so that the verdict does not depend on how bytes were split.
    const scanEnd = Math.min(end, start + HEAD_SIZE_BYTES_MAX - keptLength);
    const mustScan = partial.append(bytes, start, scanEnd);
    const isAtBound = partial.length === HEAD_SIZE_BYTES_MAX;
    if (!mustScan && !isAtBound) return NEED_MORE;
    const used = this.#scanner.scanHead(partial.view, 0, partial.length);
    if (used === NEED_MORE) {
      if (isAtBound) return PARSE_ERROR.headTooLarge;
      partial.markScanned();
      return NEED_MORE;
    }
    if (used < 0) return used;
    this.#partial = undefined;
    return start + used - keptLength;
  }
}
