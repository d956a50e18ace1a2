/** One range of bytes (RFC 9110 section 14.1.2). Pure. */

/** First and last byte, both inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Digits of a number that a double holds exactly. */
const DIGITS = "\\d{1,15}";
const SINGLE = new RegExp(`^bytes=(${DIGITS})?-(${DIGITS})?$`, "i");

/**
 * What is asked of a body of so many bytes. "whole" when the field means nothing here: another unit, several ranges,
 * bad grammar (section 14.2: such a field is passed over). "unsatisfiable": 416.
 */
export function parseByteRange(
  value: string | undefined,
  size: number,
): ByteRange | "whole" | "unsatisfiable" {
  const match = value === undefined ? null : SINGLE.exec(value.replaceAll(/[ \t]/g, ""));
  if (match === null) return "whole";
  const [, first, last] = match;
  if (first === undefined) {
    if (last === undefined) return "whole";
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { first: size - length, last: size - 1 };
  }
  const start = Number(first);
  const end = last === undefined ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== undefined && Number(last) < start) return "whole";
  return start >= size ? "unsatisfiable" : { first: start, last: end };
}
