/**
 * What each proxy told last of each of its counters: what came since is the difference. It outlives a restart, so that
 * nothing is counted twice and nothing is lost that a proxy tells again.
 */
import { VarintReader, VarintWriter } from "./varint.ts";

/** What is known of one counter or histogram of one proxy. */
export interface CounterState {
  /** The series that it adds to; 0 for one that its proxy may not tell. */
  readonly seriesId: number;
  startMs: number;
  /** Of a histogram: its sum, then its buckets. */
  /** Whole numbers. */
  readonly last: Float64Array;
}

export interface InstanceMemory {
  /** By the hash of family and labels. */
  readonly counters: Map<number, CounterState>;
  /** Of its last push, and of the one before. */
  timeMs: number;
  previousMs: number;
  /** By our clock. */
  readonly firstHeardMs: number;
  heardMs: number;
  isDirty: boolean;
}

/** A histogram's sum and buckets; a mask of 31 bits says which are not zero. */
const NUMBERS_MAX = 31;
/** Beyond it the one that was heard longest ago is forgotten. */
const INSTANCES_MAX = 20_000;

export class CounterMemory {
  readonly #instances = new Map<string, InstanceMemory>();

  get(name: string): InstanceMemory | undefined {
    return this.#instances.get(name);
  }

  /** A proxy that was never heard of. */
  add(name: string, nowMs: number): InstanceMemory {
    if (this.#instances.size >= INSTANCES_MAX) {
      const [oldest] = [...this.#instances].sort(([, a], [, b]) => a.heardMs - b.heardMs);
      if (oldest !== undefined) this.#instances.delete(oldest[0]);
    }
    const memory: InstanceMemory = {
      counters: new Map(),
      timeMs: 0,
      previousMs: 0,
      firstHeardMs: nowMs,
      heardMs: nowMs,
      isDirty: true,
    };
    this.#instances.set(name, memory);
    return memory;
  }

  /** Those that told something since the last call, as bytes to be written down. */
  takeDirty(): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
    const dirty: { name: string; bytes: Uint8Array }[] = [];
    for (const [name, memory] of this.#instances) {
      if (!memory.isDirty) continue;
      memory.isDirty = false;
      dirty.push({ name, bytes: encodeMemory(memory) });
    }
    return dirty;
  }

  restore(name: string, bytes: Uint8Array, isKnownSeries: (id: number) => boolean): void {
    const memory = decodeMemory(bytes, isKnownSeries);
    if (memory !== undefined) this.#instances.set(name, memory);
  }

  /** Forgets those that were heard last before, and tells their names. */
  forget(beforeMs: number): readonly string[] {
    const gone = [...this.#instances]
      .filter(([, { heardMs }]) => heardMs < beforeMs)
      .map(([name]) => name);
    for (const name of gone) this.#instances.delete(name);
    return gone;
  }
}

const FORMAT = 1;

/** Format and times, then of each counter its hash, series, start, how many numbers, which are not zero, and these. */
function encodeMemory(memory: InstanceMemory): Uint8Array {
  const { counters, timeMs, firstHeardMs, heardMs } = memory;
  const writer = new VarintWriter();
  for (const value of [FORMAT, timeMs, firstHeardMs, heardMs, counters.size]) writer.write(value);
  for (const [hash, { seriesId, startMs, last }] of counters) {
    for (const value of [hash, seriesId, startMs, last.length]) writer.write(value);
    let mask = 0;
    for (const [index, value] of last.entries()) if (value !== 0) mask |= 1 << index;
    writer.write(mask);
    for (const value of last) if (value !== 0) writer.write(value);
  }
  return writer.take();
}

function decodeMemory(
  bytes: Uint8Array,
  isKnownSeries: (id: number) => boolean,
): InstanceMemory | undefined {
  const reader = new VarintReader(bytes);
  const read = (): number => reader.read();
  if (read() !== FORMAT) return undefined;
  const [timeMs, firstHeardMs, heardMs, count] = [read(), read(), read(), read()];
  const counters = new Map<number, CounterState>();
  for (let index = 0; index < count && reader.hasMore; index++) {
    const [hash, seriesId, startMs, length, mask] = [read(), read(), read(), read(), read()];
    if (length > NUMBERS_MAX) return undefined;
    const last = new Float64Array(length);
    for (let at = 0; at < length; at++) last[at] = (mask & (1 << at)) === 0 ? 0 : read();
    if (seriesId !== 0 && !isKnownSeries(seriesId)) continue;
    counters.set(hash, { seriesId, startMs, last });
  }
  return { counters, timeMs, previousMs: timeMs, firstHeardMs, heardMs, isDirty: false };
}

/** 53 bits over a family's name and the bytes of labels (cyrb53's mixing). */
export function hashLabels(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
    high = Math.imul(high ^ word, 2_654_435_761);
    low = Math.imul(low ^ word, 1_597_334_677);
    // A multiplication moves bits up only.
    high ^= high >>> 15;
    low ^= low >>> 13;
  }
  for (; at < end; at++) {
    high = Math.imul(high ^ (bytes[at] ?? 0), 2_654_435_761);
    low = Math.imul(low ^ (bytes[at] ?? 0), 1_597_334_677);
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0);
}
