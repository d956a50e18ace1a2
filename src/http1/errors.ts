/**
 * Why the codec refused bytes. Parsers return numbers on the hot path; this table gives each its
 * stable code, the status that a server answers (a client turns each into 502) and a sentence.
 */

/** The head or body is not complete: feed more bytes. */
export const NEED_MORE = -1;

interface ParseErrorInfo {
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

const ERRORS = {
  methodInvalid: [400, "the method is not a token"],
  targetInvalid: [400, "the request target has a byte that no URI has"],
  targetFormInvalid: [400, "the request target is not in a form that this method allows"],
  versionInvalid: [400, "the request line does not end in HTTP/1.0 or HTTP/1.1"],
  versionUnsupported: [505, "only HTTP/1.0 and HTTP/1.1 are understood here"],
  requestLineTooLong: [414, "the request line is longer than 16 KiB"],
  lineEndInvalid: [400, "a line does not end in CRLF"],
  fieldNameInvalid: [400, "a field name is empty or has a byte that no token has"],
  fieldValueInvalid: [400, "a field value has a control character"],
  fieldFolded: [400, "a field value is folded over lines"],
  headTooLarge: [431, "the header section is larger than 64 KiB"],
  tooManyFields: [431, "there are more than 100 header fields"],
  contentLengthInvalid: [400, "Content-Length is not one decimal number"],
  lengthAndEncoding: [400, "both Content-Length and Transfer-Encoding are given"],
  transferEncodingInvalid: [400, "Transfer-Encoding is repeated, malformed or not allowed here"],
  transferEncodingUnknown: [501, "only the transfer coding chunked is understood here"],
  connectionInvalid: [400, "Connection has more than 32 options"],
  hostInvalid: [400, "Host is missing, repeated or malformed"],
  chunkSizeInvalid: [400, "a chunk size is not a plain hexadecimal number"],
  chunkExtensionInvalid: [400, "a chunk extension is malformed"],
  chunkLineTooLong: [400, "a chunk-size line or its extensions are too long"],
  chunkEndInvalid: [400, "chunk data is not followed by CRLF"],
  trailerTooLarge: [431, "the trailer section is larger than 16 KiB"],
  statusLineInvalid: [400, "the status line is malformed"],
  tooManyInterim: [400, "more than 10 interim answers came before the final one"],
  unexpectedBytes: [400, "bytes came where no message was expected"],
  truncated: [400, "the connection ended within a message"],
} as const satisfies Record<string, readonly [number, string]>;

export type ParseErrorName = keyof typeof ERRORS;

const NAMES = Object.keys(ERRORS) as ParseErrorName[];

/** Numbers below NEED_MORE, one for each error. */
export const PARSE_ERROR = Object.fromEntries(
  NAMES.map((name, index) => [name, -2 - index]),
) as Readonly<Record<ParseErrorName, number>>;

export function parseErrorInfo(number: number): ParseErrorInfo {
  const name = NAMES[-2 - number];
  if (name === undefined) throw new RangeError(`not a parse error: ${number}`);
  return {
    code: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    status: ERRORS[name][0],
    message: ERRORS[name][1],
  };
}
