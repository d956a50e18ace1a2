/**
 * A strict reader of DER (X.690 section 10): definite minimal lengths, single-byte tags, nothing left
 * over. It copies nothing: contents are views of the input. Everything it refuses throws `der-malformed`.
 */
import { identityError } from "./errors.ts";

export const DER_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export interface DerElement {
  readonly tag: number;
  readonly contents: Buffer;
  /** Tag, length and contents. */
  readonly encoded: Buffer;
}

/** Reads elements one after the other from the contents of a constructed element. */
export class DerReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next element, which must have `tag`. */
  read(tag: number): DerElement {
    const element = this.readAny();
    if (element.tag !== tag) {
      throw malformed(`tag ${hex(tag)} expected, found ${hex(element.tag)}`);
    }
    return element;
  }

  /** The next element if it has `tag`. */
  readOptional(tag: number): DerElement | undefined {
    return this.#bytes[this.#offset] === tag ? this.readAny() : undefined;
  }

  readAny(): DerElement {
    const bytes = this.#bytes;
    const start = this.#offset;
    const tag = this.#byte(start);
    if ((tag & 0x1f) === 0x1f) throw malformed("tag of more than one byte");
    const first = this.#byte(start + 1);
    let length = first;
    let contentsStart = start + 2;
    if (first >= 0x80) {
      const lengthBytes = first & 0x7f;
      if (lengthBytes === 0) throw malformed("indefinite length");
      if (lengthBytes > 3) throw malformed("length of more than three bytes");
      length = 0;
      for (let i = 0; i < lengthBytes; i++) length = length * 256 + this.#byte(contentsStart + i);
      if (length < 0x80 || length < 2 ** (8 * (lengthBytes - 1))) {
        throw malformed("length not in its shortest form");
      }
      contentsStart += lengthBytes;
    }
    const end = contentsStart + length;
    if (end > bytes.length) throw malformed("element longer than what holds it");
    this.#offset = end;
    return {
      tag,
      contents: bytes.subarray(contentsStart, end),
      encoded: bytes.subarray(start, end),
    };
  }

  /** A reader of the contents of the next element, which must be constructed and have `tag`. */
  readConstructed(tag: number): DerReader {
    return new DerReader(this.read(tag).contents);
  }

  /** Throws when anything is left. */
  end(): void {
    if (!this.isDone) throw malformed("bytes left over");
  }

  #byte(offset: number): number {
    const byte = this.#bytes[offset];
    if (byte === undefined) throw malformed("input ends early");
    return byte;
  }
}

/** The one element that `bytes` hold. */
export function readSingleElement(bytes: Buffer, tag: number): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.read(tag);
  reader.end();
  return element;
}

export function booleanFrom(element: DerElement): boolean {
  const byte = element.contents[0];
  if (element.contents.length !== 1 || (byte !== 0x00 && byte !== 0xff)) {
    throw malformed("boolean that is neither 00 nor FF");
  }
  return byte === 0xff;
}

/** Two's complement, big endian, as encoded. */
export function integerBytesFrom(element: DerElement): Buffer {
  const [first, second] = element.contents;
  if (first === undefined) throw malformed("empty integer");
  if (second !== undefined) {
    const isPadded = (first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80);
    if (isPadded) throw malformed("integer not in its shortest form");
  }
  return element.contents;
}

/** A non-negative integer of at most 32 bits. */
export function smallIntegerFrom(element: DerElement): number {
  const bytes = integerBytesFrom(element);
  if ((bytes[0] ?? 0) >= 0x80) throw malformed("negative integer");
  if (bytes.length > 5) throw malformed("integer too large");
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value;
}

/** The bits of a bit string whose length is a multiple of eight: a key or a signature. */
export function octetsFromBitString(element: DerElement): Buffer {
  if (element.contents[0] !== 0) throw malformed("bit string with unused bits");
  return element.contents.subarray(1);
}

/** The numbers of the bits that are set, counted from the left as X.680 does. */
export function bitsFrom(element: DerElement): ReadonlySet<number> {
  const unused = element.contents[0];
  const octets = element.contents.subarray(1);
  if (unused === undefined || unused > 7 || (octets.length === 0 && unused > 0)) {
    throw malformed("bit string with a wrong count of unused bits");
  }
  if (octets.length > 4) throw malformed("bit string too long");
  const last = octets.at(-1) ?? 0;
  if ((last & ((1 << unused) - 1)) !== 0) throw malformed("bit string with unused bits set");
  const bits = new Set<number>();
  for (const [index, octet] of octets.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      if ((octet & (0x80 >> bit)) !== 0) bits.add(index * 8 + bit);
    }
  }
  return bits;
}

/** Dotted decimals. */
export function oidFrom(element: DerElement): string {
  const arcs: number[] = [];
  let value = 0;
  let isInside = false;
  for (const byte of element.contents) {
    if (!isInside && byte === 0x80) throw malformed("object identifier not in its shortest form");
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) throw malformed("object identifier too large");
    isInside = byte >= 0x80;
    if (isInside) continue;
    if (arcs.length === 0) {
      const top = Math.min(2, Math.floor(value / 40));
      arcs.push(top, value - top * 40);
    } else {
      arcs.push(value);
    }
    value = 0;
  }
  if (isInside || arcs.length === 0) throw malformed("object identifier cut off");
  return arcs.join(".");
}

/** RFC 5280 section 4.1.2.5: UTCTime and GeneralizedTime with seconds, in UTC. Milliseconds since the epoch. */
export function timeFrom(element: DerElement): number {
  const text = element.contents.toString("latin1");
  const isUtc = element.tag === DER_TAG.utcTime;
  if (!isUtc && element.tag !== DER_TAG.generalizedTime) throw malformed("no time");
  const match = (isUtc ? /^(\d{2})(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/).exec(text);
  if (match === null) throw malformed("time not in the form that RFC 5280 asks for");
  const yearDigits = Number(match[1]);
  // RFC 5280 section 4.1.2.5.1: two digits from 50 on mean 19YY.
  const year = isUtc ? yearDigits + (yearDigits >= 50 ? 1900 : 2000) : yearDigits;
  const [month, day, hour, minute, second] = (match[2]?.match(/\d{2}/g) ?? []).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, (month ?? 0) - 1, day);
  date.setUTCHours(hour ?? 0, minute, second);
  const isReal =
    date.getUTCMonth() + 1 === month &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  if (!isReal) throw malformed("time that does not exist");
  return date.getTime();
}

/** The error for bytes that are not what they should be. */
export function malformed(what: string): Error {
  return identityError({ code: "der-malformed" }, `malformed DER: ${what}`);
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
