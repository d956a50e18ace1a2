/**
 * What waits for a target, in files: it outlives a restart and a crash, whose last fraction of a second may be sent twice
 * and, after a power cut, be missing. Records are appended to segments of about a megabyte; `position` says how far the
 * oldest one is sent. At most two segments are in memory. Writing never makes `add` wait: what the disk does not take fast
 * enough is refused.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { messageOf } from "../../../core/errors.ts";
import type { Logger } from "../../../core/logger.ts";
import { type BatchLimits, type ExportBuffer, firstOf } from "./export-buffer.ts";

const SEGMENT_BYTES = 1024 * 1024;
/** Of a record: its length, and a checksum that tells a torn write. */
const FRAME_HEAD_BYTES = 8;
/** What may wait for the disk itself. */
const UNWRITTEN_BYTES_MAX = 8 * 1024 * 1024;
/** Sealed: with the number of its records, which a start need not count. */
const SEGMENT_NAME = /^(\d{10})(?:-(\d{1,9}))?\.log$/;
const POSITION_FILE = "position";

export interface DiskBufferOptions {
  /** Made when it is missing. Nobody else may use it. */
  readonly folder: string;
  readonly bytesMax: number;
  readonly log: Logger;
}

interface Segment {
  readonly sequence: number;
  count: number;
  /** Of its file, written or not. */
  bytes: number;
  /** Of what is not done with: they count towards the bound. */
  waitingBytes: number;
  /** Records at its beginning that are done with. */
  done: number;
  isSealed: boolean;
  /** Undefined: read from its file when it is the oldest. */
  items: Buffer[] | undefined;
  /** Bytes that are surely in its file. */
  writtenBytes: number;
  path: string;
}

export class DiskBuffer implements ExportBuffer {
  readonly #options: DiskBufferOptions;
  /** The oldest first; the last one is written to. */
  readonly #segments: Segment[] = [];
  readonly #dropped: Segment[] = [];
  #lastSequence = 0;
  #bytes = 0;
  #records = 0;
  #unwritten: { readonly segment: Segment; readonly frame: Buffer }[] = [];
  #unwrittenBytes = 0;
  #working: Promise<void> | undefined;
  #file: { readonly handle: FileHandle; readonly segment: Segment } | undefined;
  #isBroken = false;
  #isPositionOld = false;

  /** Finds what an earlier process has left. Throws when the folder cannot be used. */
  constructor(options: DiskBufferOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const names = readdirSync(options.folder).filter((name) => SEGMENT_NAME.test(name));
    const position = this.#readPosition();
    for (const name of names.sort()) this.#find(name, position);
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(record: Buffer): boolean {
    const size = record.length + FRAME_HEAD_BYTES;
    if (this.#bytes + size > this.#options.bytesMax) return false;
    if (this.#unwrittenBytes + size > UNWRITTEN_BYTES_MAX) return false;
    let tail = this.#segments.at(-1);
    if (tail === undefined || tail.isSealed) {
      tail = this.#begin();
      this.#segments.push(tail);
    }
    tail.items?.push(record);
    tail.count += 1;
    tail.bytes += size;
    tail.waitingBytes += size;
    this.#bytes += size;
    this.#records += 1;
    this.#unwritten.push({ segment: tail, frame: framed(record) });
    this.#unwrittenBytes += size;
    if (tail.bytes >= SEGMENT_BYTES) tail.isSealed = true;
    this.#work();
    return true;
  }

  async peek(limits: BatchLimits): Promise<readonly Buffer[]> {
    for (;;) {
      const head = this.#segments[0];
      if (head === undefined) return [];
      head.items ??= await readSegment(head.path);
      if (head.items.length < head.count) this.#lose(head, head.count - head.items.length);
      if (head.done < head.count) return firstOf(head.items, head.done, limits);
      if (!head.isSealed) return [];
      this.#drop(head);
    }
  }

  /** They are of the oldest segment alone: `peek` never goes beyond it. */
  remove(count: number): void {
    const head = this.#segments[0];
    if (head?.items === undefined) return;
    for (const item of head.items.slice(head.done, head.done + count)) {
      this.#bytes -= item.length + FRAME_HEAD_BYTES;
      head.waitingBytes -= item.length + FRAME_HEAD_BYTES;
    }
    this.#records -= count;
    head.done += count;
    this.#isPositionOld = true;
    if (head.isSealed && head.done >= head.count) this.#drop(head);
    this.#work();
  }

  /** Nothing is taken out: it stays on the disk for whoever opens the folder next. */
  async close(): Promise<readonly Buffer[]> {
    this.#work();
    while (this.#working !== undefined && !this.#isBroken) await this.#working;
    await this.#file?.handle.close().catch(() => undefined);
    this.#file = undefined;
    return [];
  }

  #begin(): Segment {
    const sequence = (this.#segments.at(-1)?.sequence ?? this.#lastSequence) + 1;
    this.#lastSequence = sequence;
    const path = join(this.#options.folder, `${String(sequence).padStart(10, "0")}.log`);
    return {
      ...{ sequence, path, count: 0, done: 0, isSealed: false, items: [] },
      ...{ bytes: 0, waitingBytes: 0, writtenBytes: 0 },
    };
  }

  #drop(segment: Segment): void {
    this.#segments.shift();
    this.#bytes -= segment.waitingBytes;
    this.#isPositionOld = true;
    this.#unwritten = this.#unwritten.filter((one) => one.segment !== segment);
    this.#unwrittenBytes = this.#unwritten.reduce((sum, { frame }) => sum + frame.length, 0);
    this.#dropped.push(segment);
  }

  /** A file has less than its name says: somebody else was at it. */
  #lose(segment: Segment, count: number): void {
    this.#options.log.error("records that waited on disk are gone", { path: segment.path, count });
    this.#records -= count;
    segment.count -= count;
  }

  /** One worker at a time; it goes on until there is nothing to do, or the disk refuses. */
  #work(): void {
    if (this.#working !== undefined) return;
    this.#working = this.#write()
      .then(
        () => {
          if (this.#isBroken) this.#options.log.info("records are written to disk again", {});
          this.#isBroken = false;
        },
        (error: unknown) => {
          if (!this.#isBroken) {
            const { folder } = this.#options;
            this.#options.log.error("records cannot be written to disk", {
              ...{ folder, reason: messageOf(error) },
            });
          }
          this.#isBroken = true;
        },
      )
      .finally(() => {
        this.#working = undefined;
        if (!this.#isBroken && this.#hasWork) this.#work();
      });
  }

  get #hasWork(): boolean {
    return this.#unwritten.length > 0 || this.#dropped.length > 0 || this.#isPositionOld;
  }

  async #write(): Promise<void> {
    while (this.#hasWork) {
      const [first] = this.#unwritten;
      if (first !== undefined) await this.#append(first.segment);
      if (this.#isPositionOld) await this.#writePosition();
      for (const segment of this.#dropped.splice(0)) await rm(segment.path, { force: true });
    }
  }

  async #append(segment: Segment): Promise<void> {
    if (this.#file?.segment !== segment) {
      await this.#file?.handle.close();
      this.#file = undefined;
      this.#file = { handle: await open(segment.path, "w", 0o600), segment };
    }
    const frames = this.#unwritten.filter((one) => one.segment === segment);
    const bytes = Buffer.concat(frames.map(({ frame }) => frame));
    // At a place, not at the end: what a failed write has left there is written over.
    await this.#file.handle.write(bytes, 0, bytes.length, segment.writtenBytes);
    segment.writtenBytes += bytes.length;
    const written = new Set(frames);
    this.#unwritten = this.#unwritten.filter((one) => !written.has(one));
    this.#unwrittenBytes = this.#unwritten.reduce((sum, { frame }) => sum + frame.length, 0);
    if (segment.isSealed && segment.writtenBytes >= segment.bytes) await this.#seal(segment);
  }

  async #seal(segment: Segment): Promise<void> {
    const path = segment.path.replace(/\.log$/, `-${segment.count}.log`);
    await rename(segment.path, path);
    segment.path = path;
    if (this.#segments[0] !== segment) segment.items = undefined;
  }

  async #writePosition(): Promise<void> {
    this.#isPositionOld = false;
    const head = this.#segments[0];
    const path = join(this.#options.folder, POSITION_FILE);
    const text = `${head?.sequence ?? this.#lastSequence + 1} ${head?.done ?? 0}\n`;
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  #readPosition(): { readonly sequence: number; readonly done: number } {
    try {
      const text = readFileSync(join(this.#options.folder, POSITION_FILE), "utf8");
      const [sequence = 0, done = 0] = text.trim().split(" ").map(Number);
      return { sequence, done };
    } catch {
      return { sequence: 0, done: 0 };
    }
  }

  #find(name: string, position: { readonly sequence: number; readonly done: number }): void {
    const path = join(this.#options.folder, name);
    const match = SEGMENT_NAME.exec(name);
    const sequence = Number(match?.[1]);
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    if (sequence < position.sequence) {
      rmSync(path, { force: true });
      return;
    }
    const segment = match?.[2] === undefined ? sealedNow(path) : { path, count: Number(match[2]) };
    const done = sequence === position.sequence ? Math.min(position.done, segment.count) : 0;
    if (done === segment.count) {
      rmSync(segment.path, { force: true });
      return;
    }
    const bytes = statSync(segment.path).size;
    this.#segments.push({
      ...{ sequence, done, isSealed: true, items: undefined },
      ...{ bytes, waitingBytes: bytes, writtenBytes: bytes },
      ...segment,
    });
    // What of the first is done with is not known before it is read: a megabyte at most.
    this.#bytes += bytes;
    this.#records += segment.count - done;
  }
}

function framed(record: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + record.length);
  frame.writeUInt32LE(record.length, 0);
  frame.writeUInt32LE(crc32(record), 4);
  record.copy(frame, FRAME_HEAD_BYTES);
  return frame;
}

/** The records of a segment's bytes, up to the first that is torn. */
function recordsIn(bytes: Buffer): { readonly items: Buffer[]; readonly end: number } {
  const items: Buffer[] = [];
  let end = 0;
  while (end + FRAME_HEAD_BYTES <= bytes.length) {
    const start = end + FRAME_HEAD_BYTES;
    const next = start + bytes.readUInt32LE(end);
    if (next > bytes.length) break;
    const record = bytes.subarray(start, next);
    if (crc32(record) !== bytes.readUInt32LE(end + 4)) break;
    items.push(record);
    end = next;
  }
  return { items, end };
}

async function readSegment(path: string): Promise<Buffer[]> {
  return recordsIn(await readFile(path)).items;
}

/** A segment that a process was writing when it ended. */
function sealedNow(path: string): { readonly path: string; readonly count: number } {
  const { items, end } = recordsIn(readFileSync(path));
  truncateSync(path, end);
  const sealed = path.replace(/\.log$/, `-${items.length}.log`);
  renameSync(path, sealed);
  return { path: sealed, count: items.length };
}
