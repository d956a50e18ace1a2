/**
 * What decoding a header block can end in besides success. Decoders return numbers on the hot path;
 * this table gives each its stable code and a sentence.
 */

import { ERROR_CODE, type ErrorCode } from "../error-code.ts";

/** The field section was decoded and is well formed. */
export const HPACK_OK = 0;

/**
 * The stream is refused with 431, the connection lives: the dynamic table is in step (RFC 9113
 * section 10.5.1).
 */
export const HPACK_TOO_LARGE = 1;

interface HpackErrorInfo {
  readonly code: string;
  readonly message: string;
  /** For RST_STREAM or GOAWAY (RFC 9113 section 7). */
  readonly errorCode: ErrorCode;
}

/** Stream errors: the message is malformed (RFC 9113 section 8.1.1), the dynamic table is in step. */
const MALFORMED = {
  fieldNameInvalid: "a field name is empty, has an upper-case letter or a byte that no token has",
  fieldValueInvalid: "a field value has a control character",
  fieldValuePadded: "a field value starts or ends with white space",
  pseudoFieldUnknown: "a pseudo-header field is not one that RFC 9113 or RFC 8441 defines",
  pseudoFieldRepeated: "a pseudo-header field is given twice",
  pseudoFieldLate: "a pseudo-header field comes after a regular field",
  statusInvalid: "the :status field is not a number of three digits",
} as const;

/** Connection errors (RFC 9113 section 4.3): the tables are out of step from here on. */
const COMPRESSION = {
  truncated: "the header block ends within a field",
  integerTooLarge: "an integer is larger than any field needs",
  indexInvalid: "an index is 0 or points behind the tables",
  huffmanInvalid: "a Huffman string has the EOS symbol or bad padding",
  tableSizeMisplaced: "a table size update does not stand at the start, or is the third there",
  tableSizeTooLarge: "a table size update is above the acknowledged setting",
  tableSizeMissing: "the lowered table size was not confirmed by an update",
  blockTooLong: "the header block is longer than 64 KiB",
  listAbusive: "the header block decodes to more than 256 KiB",
} as const;

export type MalformedName = keyof typeof MALFORMED;
export type CompressionErrorName = keyof typeof COMPRESSION;

const MALFORMED_NAMES = Object.keys(MALFORMED) as MalformedName[];
const COMPRESSION_NAMES = Object.keys(COMPRESSION) as CompressionErrorName[];

/** Numbers above HPACK_TOO_LARGE. */
export const HPACK_MALFORMED = Object.fromEntries(
  MALFORMED_NAMES.map((name, index) => [name, HPACK_TOO_LARGE + 1 + index]),
) as Readonly<Record<MalformedName, number>>;

/** Numbers below 0: the only results after which the decoder must not be used again. */
export const HPACK_ERROR = Object.fromEntries(
  COMPRESSION_NAMES.map((name, index) => [name, -1 - index]),
) as Readonly<Record<CompressionErrorName, number>>;

/** What a number other than HPACK_OK says. A list that is too large is answered with 431 where there is a request. */
export function hpackErrorInfo(number: number): HpackErrorInfo {
  if (number === HPACK_TOO_LARGE) {
    const message = "the field section is larger than what is accepted";
    return { code: "list_too_large", message, errorCode: ERROR_CODE.cancel };
  }
  const malformed = MALFORMED_NAMES[number - HPACK_TOO_LARGE - 1];
  if (malformed !== undefined) {
    const message = MALFORMED[malformed];
    return { code: codeOf(malformed), message, errorCode: ERROR_CODE.protocolError };
  }
  const compression = COMPRESSION_NAMES[-1 - number];
  if (compression === undefined) throw new RangeError(`not an HPACK error: ${number}`);
  const isAbuse = compression === "blockTooLong" || compression === "listAbusive";
  const errorCode = isAbuse ? ERROR_CODE.enhanceYourCalm : ERROR_CODE.compressionError;
  return { code: codeOf(compression), message: COMPRESSION[compression], errorCode };
}

function codeOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
