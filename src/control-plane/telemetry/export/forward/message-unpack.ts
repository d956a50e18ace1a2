/** Reads one MessagePack value of what a peer has sent so far: bounded in depth and size, never trusting a length. */

export type Unpacked =
  | { readonly kind: "value"; readonly value: unknown; readonly end: number }
  /** The rest is still to come. */
  | { readonly kind: "more" }
  | { readonly kind: "malformed" };

const DEPTH_MAX = 8;
const ITEMS_MAX = 64;

class NeedsMore extends Error {}
class Malformed extends Error {}

/** Texts as text, binaries as bytes, extensions as their bytes. */
export function unpackMessage(bytes: Buffer): Unpacked {
  const reader = new Reader(bytes);
  try {
    const value = reader.value(0);
    return { kind: "value", value, end: reader.position };
  } catch (error) {
    if (error instanceof NeedsMore) return { kind: "more" };
    if (error instanceof Malformed) return { kind: "malformed" };
    throw error;
  }
}

class Reader {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new Malformed();
    const tag = this.#uint(1);
    if (tag <= 0x7f) return tag;
    if (tag <= 0x8f) return this.#map(tag & 0x0f, depth);
    if (tag <= 0x9f) return this.#array(tag & 0x0f, depth);
    if (tag <= 0xbf) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#uint(2 ** (tag - 0xc4)));
      case 0xca:
        return this.#take(4).readFloatBE(0);
      case 0xcb:
        return this.#take(8).readDoubleBE(0);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(2 ** (tag - 0xcc));
      case 0xcf:
        return Number(this.#take(8).readBigUInt64BE(0));
      case 0xd0:
        return this.#take(1).readInt8(0);
      case 0xd1:
        return this.#take(2).readInt16BE(0);
      case 0xd2:
        return this.#take(4).readInt32BE(0);
      case 0xd3:
        return Number(this.#take(8).readBigInt64BE(0));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(2 ** (tag - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(2 ** (tag - 0xdb)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 ** (tag - 0xdd)), depth);
      default:
        return this.#extension(tag);
    }
  }

  #extension(tag: number): Buffer {
    if (tag >= 0xd4 && tag <= 0xd8) return this.#take(1 + 2 ** (tag - 0xd4));
    if (tag >= 0xc7 && tag <= 0xc9) return this.#take(this.#uint(2 ** (tag - 0xc7)) + 1);
    throw new Malformed();
  }

  #array(count: number, depth: number): unknown[] {
    if (count > ITEMS_MAX) throw new Malformed();
    return Array.from({ length: count }, () => this.value(depth + 1));
  }

  #map(count: number, depth: number): Readonly<Record<string, unknown>> {
    if (count > ITEMS_MAX) throw new Malformed();
    const entries: [string, unknown][] = [];
    for (let index = 0; index < count; index += 1) {
      entries.push([String(this.value(depth + 1)), this.value(depth + 1)]);
    }
    return Object.fromEntries(entries);
  }

  #text(length: number): string {
    return this.#take(length).toString("utf8");
  }

  #uint(size: number): number {
    return this.#take(size).readUIntBE(0, size);
  }

  #take(size: number): Buffer {
    const end = this.position + size;
    if (end > this.#bytes.length) throw new NeedsMore();
    const bytes = this.#bytes.subarray(this.position, end);
    this.position = end;
    return bytes;
  }
}
