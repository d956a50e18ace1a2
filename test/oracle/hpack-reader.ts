/**
 * Reads field blocks of HTTP/2 for the oracle, leniently: what came is to be seen, not judged. Only the static table
 * and the Huffman code are the product's; the corpora under `test/conformance` vouch for them.
 */
import { decodeHuffman, HUFFMAN_INVALID } from "../../src/http2/hpack/huffman.ts";
import { STATIC_FIELDS } from "../../src/http2/hpack/static-table.ts";
import type { Field } from "../support/raw-http2-client.ts";

/** RFC 7541 section 4.1. */
const ENTRY_OVERHEAD = 32;
const TABLE_SIZE_DEFAULT = 4_096;

export class HpackReader {
  #table: Field[] = [];
  #tableSizeMax = TABLE_SIZE_DEFAULT;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** The fields of one block, values as Latin-1. Throws where the block is none. */
  read(block: Buffer): Field[] {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    while (this.#at < block.length) {
      const first = block[this.#at]!;
      if (first >= 0x80) {
        fields.push(this.#entry(this.#integer(7)));
      } else if (first >= 0x40) {
        const field = this.#literal(6);
        fields.push(field);
        this.#table.unshift(field);
        this.#evict();
      } else if (first >= 0x20) {
        this.#tableSizeMax = this.#integer(5);
        this.#evict();
      } else {
        fields.push(this.#literal(4));
      }
    }
    return fields;
  }

  #literal(prefixBits: number): Field {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    return [name, this.#string()];
  }

  #entry(index: number): Field {
    const field = STATIC_FIELDS[index - 1] ?? this.#table[index - 1 - STATIC_FIELDS.length];
    if (field === undefined)
      throw new Error(`a field block names entry ${index}, which is not there`);
    return field;
  }

  /** RFC 7541 section 5.1. */
  #integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.#block[this.#at++]! & most;
    if (value < most) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) throw new Error("a field block ends within a number");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  #string(): string {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const end = this.#at + length;
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    if (!isHuffman) return bytes.toString("latin1");
    const out = Buffer.alloc(2 * length + 8);
    const result = decodeHuffman(bytes, 0, length, out, 0);
    if (result === HUFFMAN_INVALID) throw new Error("a field block has an invalid Huffman code");
    return out.toString("latin1", 0, Math.floor(result / 4));
  }

  #evict(): void {
    let size = 0;
    this.#table = this.#table.filter(([name, value]) => {
      size += name.length + value.length + ENTRY_OVERHEAD;
      return size <= this.#tableSizeMax;
    });
  }
}
