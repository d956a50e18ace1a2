/** What a codec told, folded into one number: two runs that agree are compared without building strings. */

const SEED = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a over everything that was told, in order. Bytes may come in any pieces. */
export class Digest {
  value = SEED;

  /** An event, a length or a flag: any 32-bit number. */
  number(value: number): this {
    let hash = this.value;
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ ((value >>> shift) & 0xff), PRIME);
    }
    this.value = hash;
    return this;
  }

  flag(value: boolean): this {
    this.value = Math.imul(this.value ^ (value ? 1 : 2), PRIME);
    return this;
  }

  /** Latin-1 text with its length, so that neighbours do not run together. */
  text(value: string): this {
    this.number(value.length);
    let hash = this.value;
    for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), PRIME);
    this.value = hash;
    return this;
  }

  bytes(bytes: Uint8Array, start: number, end: number): this {
    let hash = this.value;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME);
    this.value = hash;
    return this;
  }
}

/** Of an input: where its reads are cut depends on it and nothing else, so that a crash repeats. */
export function hashOf(bytes: Uint8Array): number {
  return new Digest().bytes(bytes, 0, bytes.length).value >>> 0;
}
