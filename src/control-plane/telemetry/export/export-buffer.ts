/** What waits for a target, in order and within a bound. In memory here; on disk in `disk-buffer.ts`. */

/** A record costs more than its bytes: the object that holds them, and its place in a list. */
const RECORD_OVERHEAD_BYTES = 96;

export interface BatchLimits {
  readonly maxRecords: number;
  /** A single record may be larger. */
  readonly maxBytes: number;
}

export interface ExportBuffer {
  /** Records that wait. */
  readonly records: number;
  /** What they count towards the bound. */
  readonly bytes: number;
  /** False when there is no room: it was not taken. */
  add(record: Buffer): boolean;
  /** The oldest ones, which stay until they are removed. Empty when nothing waits. Rejects when they cannot be read. */
  peek(limits: BatchLimits): Promise<readonly Buffer[]>;
  /** So many of the oldest ones are done with. */
  remove(count: number): void;
  /** Everything that waits is taken out, for another buffer. */
  close(): Promise<readonly Buffer[]>;
}

export class MemoryBuffer implements ExportBuffer {
  readonly #bytesMax: number;
  #queue: Buffer[] = [];
  #first = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get records(): number {
    return this.#queue.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(record: Buffer): boolean {
    const size = record.length + RECORD_OVERHEAD_BYTES;
    if (this.#bytes + size > this.#bytesMax) return false;
    this.#queue.push(record);
    this.#bytes += size;
    return true;
  }

  peek(limits: BatchLimits): Promise<readonly Buffer[]> {
    return Promise.resolve(firstOf(this.#queue, this.#first, limits));
  }

  remove(count: number): void {
    const end = this.#first + count;
    for (let index = this.#first; index < end; index += 1) {
      this.#bytes -= (this.#queue[index]?.length ?? 0) + RECORD_OVERHEAD_BYTES;
    }
    this.#first = end;
    // Cut off when half of the list is gone: each record is moved about once.
    if (this.#first * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
  }

  close(): Promise<readonly Buffer[]> {
    const left = this.#queue.slice(this.#first);
    this.#queue = [];
    this.#first = 0;
    this.#bytes = 0;
    return Promise.resolve(left);
  }
}

/** As many of `queue` from `first` on as the limits allow, one at least where there is one. */
export function firstOf(
  queue: readonly Buffer[],
  first: number,
  { maxRecords, maxBytes }: BatchLimits,
): readonly Buffer[] {
  let bytes = 0;
  let end = first;
  while (end < queue.length && end - first < maxRecords) {
    bytes += queue[end]?.length ?? 0;
    if (bytes > maxBytes && end > first) break;
    end += 1;
  }
  return queue.slice(first, end);
}
