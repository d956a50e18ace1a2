/** Writes DER (X.690 section 10). Each function returns one encoded element. */
import { assert } from "../core/assert.ts";
import { DER_TAG } from "./der-reader.ts";

/** An element with any tag and contents. */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.of(tag), lengthBytes(length), ...contents]);
}

export function derSequence(...elements: readonly Uint8Array[]): Buffer {
  return derElement(DER_TAG.sequence, ...elements);
}

/** A set of at most one element: more would have to be sorted. */
export function derSetOfOne(element: Uint8Array): Buffer {
  return derElement(DER_TAG.set, element);
}

/** A context-specific constructed element, as EXPLICIT tags are. */
export function derContext(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return derElement(0xa0 | number, ...contents);
}

/** A non-negative integer, from its big-endian bytes or from a small number. */
export function derInteger(value: Uint8Array | number): Buffer {
  let bytes = typeof value === "number" ? bytesOf(value) : Buffer.from(value);
  while (bytes.length > 1 && bytes[0] === 0) bytes = bytes.subarray(1);
  const isHigh = (bytes[0] ?? 0) >= 0x80;
  return derElement(DER_TAG.integer, isHigh ? Buffer.of(0) : Buffer.alloc(0), bytes);
}

export function derBoolean(value: boolean): Buffer {
  return derElement(DER_TAG.boolean, Buffer.of(value ? 0xff : 0x00));
}

export function derOctetString(contents: Uint8Array): Buffer {
  return derElement(DER_TAG.octetString, contents);
}

export function derUtf8String(text: string): Buffer {
  return derElement(DER_TAG.utf8String, Buffer.from(text, "utf8"));
}

/** Whole octets. */
export function derBitString(octets: Uint8Array): Buffer {
  return derElement(DER_TAG.bitString, Buffer.of(0), octets);
}

/** Named bits below 16, by number; zero bits at the end are left out (X.690 section 11.2.2). */
export function derNamedBits(numbers: readonly number[]): Buffer {
  const value = numbers.reduce((bits, number) => bits | (0x8000 >> number), 0);
  const octets = (value & 0xff) === 0 ? [value >> 8] : [value >> 8, value & 0xff];
  const last = octets.at(-1) ?? 0;
  if (last === 0) return derElement(DER_TAG.bitString, Buffer.of(0));
  const unused = 31 - Math.clz32(last & -last);
  return derElement(DER_TAG.bitString, Buffer.of(unused, ...octets));
}

/** From dotted decimals. */
export function derOid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  assert(first !== undefined && second !== undefined, "an object identifier has two arcs or more");
  const bytes = [first * 40 + second, ...rest].flatMap(base128);
  return derElement(DER_TAG.objectIdentifier, Buffer.from(bytes));
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after; fractions are cut off. */
export function derTime(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  const year = Number(digits.slice(0, 4));
  if (year >= 1950 && year < 2050) {
    return derElement(DER_TAG.utcTime, Buffer.from(digits.slice(2), "latin1"));
  }
  return derElement(DER_TAG.generalizedTime, Buffer.from(digits, "latin1"));
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = bytesOf(length);
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

function bytesOf(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) {
    bytes.unshift(rest % 256);
  }
  return Buffer.from(bytes);
}

function base128(arc: number): number[] {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift((rest % 128) | 0x80);
  }
  return bytes;
}
