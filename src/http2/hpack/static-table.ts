/** The static table (RFC 7541 appendix A) in the decoder's form: lines ready to copy, names with their numbers. */
import { Buffer } from "node:buffer";
import { idOfName } from "../../http/header-name.ts";
import { PSEUDO } from "./field-section.ts";
import { viewOf, WORD_SLACK } from "./hpack-scratch.ts";

/** Name and value of the entries from index 1 on. */
export const STATIC_FIELDS: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

export const STATIC_COUNT = STATIC_FIELDS.length;

const PSEUDO_NUMBERS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(PSEUDO).map(([name, kind]) => [`:${name}`, kind]),
);

/** By index; 0 is unused. What a field is: see field-meta.ts. */
export const STATIC_META = new Int32Array(STATIC_COUNT + 1);
export const STATIC_NAME_LENGTHS = new Uint8Array(STATIC_COUNT + 1);
export const STATIC_VALUE_LENGTHS = new Uint8Array(STATIC_COUNT + 1);
/** Where the line of a regular entry starts in `STATIC_LINES`. */
export const STATIC_OFFSETS = new Int32Array(STATIC_COUNT + 1);
/** Values of pseudo entries. */
export const STATIC_TEXTS: readonly string[] = ["", ...STATIC_FIELDS.map(([, value]) => value)];

const lines = Buffer.alloc(
  STATIC_FIELDS.reduce((sum, [name, value]) => sum + name.length + value.length + 4, WORD_SLACK),
);
let end = 0;
for (const [i, [name, value]] of STATIC_FIELDS.entries()) {
  STATIC_NAME_LENGTHS[i + 1] = name.length;
  STATIC_VALUE_LENGTHS[i + 1] = value.length;
  STATIC_META[i + 1] = idOfName(name) | ((PSEUDO_NUMBERS[name] ?? 0) << 8);
  STATIC_OFFSETS[i + 1] = end;
  end += lines.write(`${name}: ${value}\r\n`, end, "latin1");
}

/** `name: value` and CRLF of each entry. */
export const STATIC_LINES: DataView = viewOf(lines);
