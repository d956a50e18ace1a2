/** Hexadecimal ids as 32-bit words, read and written without a string for each digit. */

/** By character code: its value, or -1. */
const VALUE_OF = new Int8Array(128).fill(-1);
/** W3C Trace Context knows no upper case. */
const LOWER_VALUE_OF = new Int8Array(128).fill(-1);
/** By byte: its two digits, as they stand in memory. */
const HIGH_DIGIT = new Uint8Array(256);
const LOW_DIGIT = new Uint8Array(256);
const DIGITS = "0123456789abcdef";
const WORD_DIGITS = 8;

for (let i = 0; i < 16; i++) {
  VALUE_OF[DIGITS.charCodeAt(i)] = i;
  VALUE_OF[DIGITS.toUpperCase().charCodeAt(i)] = i;
  LOWER_VALUE_OF[DIGITS.charCodeAt(i)] = i;
}
for (let i = 0; i < 256; i++) {
  HIGH_DIGIT[i] = DIGITS.charCodeAt(i >> 4);
  LOW_DIGIT[i] = DIGITS.charCodeAt(i & 15);
}

/**
 * Reads `digits` digits from `at` into the words behind `wordAt`, the last word filled whole, the first as far as they
 * go. Returns false for anything but digits; the words are undefined then.
 */
export function readWords(
  text: string,
  at: number,
  digits: number,
  words: Int32Array,
  wordAt: number,
  isLowerOnly: boolean,
): boolean {
  const values = isLowerOnly ? LOWER_VALUE_OF : VALUE_OF;
  const wordCount = (digits + WORD_DIGITS - 1) >> 3;
  let next = at;
  let left = digits - (wordCount - 1) * WORD_DIGITS;
  for (let word = 0; word < wordCount; word++) {
    let value = 0;
    for (; left > 0; left--) {
      const code = text.charCodeAt(next);
      next += 1;
      // Not a number behind the end of the text, which fails the comparison.
      const digit = code < 128 ? values[code]! : -1;
      if (digit < 0) return false;
      value = (value << 4) | digit;
    }
    words[wordAt + word] = value;
    left = WORD_DIGITS;
  }
  return true;
}

/** Two digits, or -1. */
export function readByte(text: string, at: number): number {
  const high = text.charCodeAt(at);
  const low = text.charCodeAt(at + 1);
  if (!(high < 128 && low < 128)) return -1;
  const highValue = LOWER_VALUE_OF[high]!;
  const lowValue = LOWER_VALUE_OF[low]!;
  return highValue < 0 || lowValue < 0 ? -1 : (highValue << 4) | lowValue;
}

/** Writes the eight digits of each word. Returns where they end. */
export function writeWords(
  out: Uint8Array,
  at: number,
  words: Int32Array,
  from: number,
  count: number,
): number {
  let next = at;
  for (let i = from; i < from + count; i++) {
    const word = words[i]!;
    next = writeByte(out, next, (word >>> 24) & 255);
    next = writeByte(out, next, (word >>> 16) & 255);
    next = writeByte(out, next, (word >>> 8) & 255);
    next = writeByte(out, next, word & 255);
  }
  return next;
}

export function writeByte(out: Uint8Array, at: number, byte: number): number {
  out[at] = HIGH_DIGIT[byte]!;
  out[at + 1] = LOW_DIGIT[byte]!;
  return at + 2;
}

/** For cold paths. */
export function wordsText(words: Int32Array, from: number, count: number): string {
  let text = "";
  for (let i = from; i < from + count; i++) {
    text += (words[i]! >>> 0).toString(16).padStart(WORD_DIGITS, "0");
  }
  return text;
}
