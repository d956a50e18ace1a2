/**
 * Huffman code of HPACK (RFC 7541 section 5.2, appendix B). The code is canonical, so its lengths say
 * all. Decoding looks 12 bits up at once, which holds two of the usual symbols; longer codes, which
 * text hardly has, are read bit by bit.
 */
import { FIELD_BYTE } from "./field-bytes.ts";

/** Bits of each symbol's code; the last is EOS. */
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
] as const;
const EOS = 256;
const LENGTH_MAX = 30;
const LENGTH_MIN = 5;

/** The input has the EOS symbol, more than 7 bits of padding, or padding that is not of ones. */
export const HUFFMAN_INVALID = -1;

const LOOKUP_BITS = 12;
const LOOKUP_MASK = (1 << LOOKUP_BITS) - 1;

/** By symbol: code and its length. */
const codes = new Int32Array(EOS + 1);
const lengths = Uint8Array.from(CODE_LENGTHS);
/** By length: the first code, how many there are, and where their symbols start in `symbols`. */
const firstCodes = new Int32Array(LENGTH_MAX + 1);
const codeCounts = new Int32Array(LENGTH_MAX + 1);
const symbolStarts = new Int32Array(LENGTH_MAX + 1);
const symbols = new Uint16Array(EOS + 1);
/**
 * By the next 12 bits: bits 0-7 the first symbol, 8-15 the second if any, 16-19 the bits that they
 * take, 20 whether there are two, 21-22 their classes or-ed. 0 for longer codes.
 */
const lookup = new Int32Array(1 << LOOKUP_BITS);

buildCodes();
buildLookup();

function buildCodes(): void {
  let code = 0;
  let next = 0;
  for (let length = LENGTH_MIN; length <= LENGTH_MAX; length++) {
    code <<= 1;
    firstCodes[length] = code;
    symbolStarts[length] = next;
    for (const [symbol, symbolLength] of CODE_LENGTHS.entries()) {
      if (symbolLength !== length) continue;
      codes[symbol] = code;
      symbols[next] = symbol;
      code += 1;
      next += 1;
    }
    codeCounts[length] = code - firstCodes[length]!;
  }
}

function buildLookup(): void {
  for (let bits = 0; bits < lookup.length; bits++) {
    const first = symbolAt(bits, 0);
    if (first < 0) continue;
    const used = lengths[first]!;
    const second = symbolAt(bits, used);
    const classes = FIELD_BYTE[first]!;
    lookup[bits] =
      second < 0
        ? first | (used << 16) | (classes << 21)
        : first |
          (second << 8) |
          ((used + lengths[second]!) << 16) |
          (1 << 20) |
          ((classes | FIELD_BYTE[second]!) << 21);
  }
}

/** The symbol whose whole code stands in the 12 bits behind the first `skipped`, or -1. */
function symbolAt(bits: number, skipped: number): number {
  for (let length = LENGTH_MIN; length <= LOOKUP_BITS - skipped; length++) {
    const code = (bits >>> (LOOKUP_BITS - skipped - length)) & ((1 << length) - 1);
    const place = code - firstCodes[length]!;
    if (place < codeCounts[length]!) return symbols[symbolStarts[length]! + place]!;
  }
  return -1;
}

/**
 * Decodes into `out`, which has room for 8 bytes per 5 of input. Returns the offset behind the text
 * times 4 plus the classes of all its bytes or-ed (`NAME_BAD`, `VALUE_BAD`), or HUFFMAN_INVALID.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outAt: number,
): number {
  let at = start;
  let to = outAt;
  /** The last `count` bits are not decoded yet. Those above are stale. */
  let held = 0;
  let count = 0;
  let classes = 0;
  for (;;) {
    if (count < LOOKUP_BITS) {
      if (at + 1 < end) {
        held = (held << 16) | (bytes[at]! << 8) | bytes[at + 1]!;
        at += 2;
        count += 16;
      } else if (at < end) {
        held = (held << 8) | bytes[at]!;
        at += 1;
        count += 8;
        continue;
      } else {
        return decodeRest(held, count, out, to, classes);
      }
    }
    const entry = lookup[(held >>> (count - LOOKUP_BITS)) & LOOKUP_MASK]!;
    if (entry !== 0) {
      // Where there is no second symbol, the next one overwrites it.
      out[to] = entry & 0xff;
      out[to + 1] = (entry >>> 8) & 0xff;
      to += 1 + ((entry >>> 20) & 1);
      classes |= entry >>> 21;
      count -= (entry >>> 16) & 15;
      continue;
    }
    const bitAt = at * 8 - count;
    const symbol = longSymbolAt(bytes, bitAt, end);
    if (symbol < 0) return HUFFMAN_INVALID;
    out[to] = symbol;
    to += 1;
    classes |= FIELD_BYTE[symbol]!;
    const nextBitAt = bitAt + lengths[symbol]!;
    at = (nextBitAt + 7) >>> 3;
    count = at * 8 - nextBitAt;
    held = bytes[at - 1]!;
  }
}

/** The last bits, fewer than a lookup takes: symbols, then padding. */
function decodeRest(
  held: number,
  bitCount: number,
  out: Uint8Array,
  outAt: number,
  outClasses: number,
): number {
  let to = outAt;
  let count = bitCount;
  let classes = outClasses;
  for (;;) {
    const missing = LOOKUP_BITS - count;
    const entry = lookup[((held << missing) | ((1 << missing) - 1)) & LOOKUP_MASK]!;
    const symbol = entry & 0xff;
    const length = lengths[symbol]!;
    if (entry === 0 || length > count) break;
    out[to] = symbol;
    to += 1;
    classes |= FIELD_BYTE[symbol]!;
    count -= length;
  }
  // RFC 7541 section 5.2: at most 7 bits of padding, all of them ones.
  const ones = (1 << count) - 1;
  return count < 8 && (held & ones) === ones ? to * 4 + classes : HUFFMAN_INVALID;
}

/** The symbol of more than 12 bits that starts at a bit; -1 for EOS and where the input ends within it. */
function longSymbolAt(bytes: Uint8Array, bitAt: number, end: number): number {
  let code = 0;
  for (let length = 1; length <= LENGTH_MAX; length++) {
    const bit = bitAt + length - 1;
    if (bit >>> 3 >= end) return -1;
    code = (code << 1) | ((bytes[bit >>> 3]! >>> (7 - (bit & 7))) & 1);
    if (length <= LOOKUP_BITS) continue;
    const place = code - firstCodes[length]!;
    if (place >= codeCounts[length]!) continue;
    const symbol = symbols[symbolStarts[length]! + place]!;
    return symbol === EOS ? -1 : symbol;
  }
  return -1;
}

/** Bytes that the text takes encoded. */
export function huffmanSize(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0;
  for (let i = start; i < end; i++) bits += lengths[bytes[i]!]!;
  return (bits + 7) >>> 3;
}

/** What `encodeHuffman` returns when the code does not fit. */
export const HUFFMAN_TOO_LONG = -1;

/** Encodes into `out` below `limit`. Returns the offset behind what was written, or HUFFMAN_TOO_LONG. */
export function encodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outAt: number,
  limit: number,
): number {
  let to = outAt;
  /** The last `count` bits are not written yet, at most 15 between symbols. */
  let held = 0;
  let count = 0;
  for (let i = start; i < end; i++) {
    const symbol = bytes[i]!;
    let length = lengths[symbol]!;
    let code = codes[symbol]!;
    if (length > 16) {
      // With 15 bits held, 31 is what fits: the first bits of long codes go alone.
      length -= 16;
      held = (held << length) | (code >>> 16);
      count += length;
      code &= 0xffff;
      length = 16;
      if (count >= 16) {
        if (to + 2 > limit) return HUFFMAN_TOO_LONG;
        count -= 16;
        out[to] = held >>> (count + 8);
        out[to + 1] = held >>> count;
        to += 2;
      }
    }
    held = (held << length) | code;
    count += length;
    if (count >= 16) {
      if (to + 2 > limit) return HUFFMAN_TOO_LONG;
      count -= 16;
      out[to] = held >>> (count + 8);
      out[to + 1] = held >>> count;
      to += 2;
    }
  }
  const restBytes = (count + 7) >>> 3;
  if (to + restBytes > limit) return HUFFMAN_TOO_LONG;
  // RFC 7541 section 5.2: padded with the most significant bits of EOS, which are ones.
  const padding = 8 * restBytes - count;
  held = (held << padding) | ((1 << padding) - 1);
  if (restBytes === 2) {
    out[to] = held >>> 8;
    to += 1;
  }
  if (restBytes > 0) {
    out[to] = held;
    to += 1;
  }
  return to;
}
