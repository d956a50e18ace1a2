/** IP addresses between their text and their bytes on the wire. */
import { isIPv4, isIPv6 } from "node:net";
import { IPV4_BYTES, IPV6_BYTES } from "./proxy-header.ts";

const WORDS = 8;
const WORD_BYTES = 2;
/** RFC 4291 section 2.5.5.2: `::ffff:a.b.c.d`. */
const MAPPED_PREFIX = Buffer.from("00000000000000000000ffff", "hex");

/** Dotted text of the four bytes at `at`. */
export function ipv4Text(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Text of the 16 bytes at `at` in the one form that RFC 5952 allows. */
export function ipv6Text(bytes: Buffer, at: number): string {
  if (isMapped(bytes, at)) {
    return `::ffff:${ipv4Text(bytes, at + MAPPED_PREFIX.length)}`;
  }
  const words: number[] = [];
  for (let i = 0; i < WORDS; i++) words.push(bytes.readUInt16BE(at + i * WORD_BYTES));
  const gap = longestZeros(words);
  const text = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(":");
  if (gap.length < 2) return text(0, WORDS);
  return `${text(0, gap.start)}::${text(gap.start + gap.length, WORDS)}`;
}

/** RFC 5952 section 4.2: the first of the longest rows of zeros. */
function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  words.forEach((word, index) => {
    length = word === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index + 1 - length, length };
  });
  return best;
}

/** Whether the 16 bytes at `at` are an IPv4 address. */
export function isMapped(bytes: Buffer, at: number): boolean {
  return bytes.compare(MAPPED_PREFIX, 0, MAPPED_PREFIX.length, at, at + MAPPED_PREFIX.length) === 0;
}

/** The 16 bytes of an address, IPv4 as mapped, or undefined when the text is none. A zone means something on one machine only and is refused. */
export function ipBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.concat([MAPPED_PREFIX, ipv4Bytes(text)]);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = text.split("::");
  const bytes = Buffer.alloc(IPV6_BYTES);
  wordBytes(head).copy(bytes);
  if (tail !== undefined) {
    const end = wordBytes(tail);
    end.copy(bytes, IPV6_BYTES - end.length);
  }
  return bytes;
}

function ipv4Bytes(text: string): Buffer {
  const bytes = Buffer.alloc(IPV4_BYTES);
  text.split(".").forEach((part, index) => {
    bytes[index] = Number(part);
  });
  return bytes;
}

/** `text` is one side of `::` in an address that is known to be well-formed; its last part may be dotted. */
function wordBytes(text: string): Buffer {
  if (text === "") return Buffer.alloc(0);
  return Buffer.concat(
    text.split(":").map((part) => {
      if (part.includes(".")) return ipv4Bytes(part);
      const word = Buffer.alloc(WORD_BYTES);
      word.writeUInt16BE(Number.parseInt(part, 16));
      return word;
    }),
  );
}
