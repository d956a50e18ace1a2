/**
 * HTTP/1.1 requests as a strict reader sees them, for both ends of the smuggling tests: what a client's bytes
 * may be taken for at most, and whether what the proxy wrote is beyond doubt. It shares no code with the product.
 */

export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  /** One character a byte. */
  readonly body: string;
}

export interface StrictReading {
  /** Complete requests, in order. */
  readonly requests: readonly StrictRequest[];
  /** Offset of the first byte that belongs to none of them. */
  readonly end: number;
  /** Why nothing more is read: all is used, more must come, what follows is no request, or it is another protocol. */
  readonly stop: "end" | "incomplete" | "malformed" | "tunnel" | "close";
}

interface Head {
  readonly method: string;
  readonly target: string;
  readonly isChunked: boolean;
  readonly length: number;
  readonly isTunnel: boolean;
  readonly isLast: boolean;
  readonly end: number;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;
const FIELD =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x21-\x7e\x80-\xff]?(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/;
const LENGTH = /^\d{1,15}$/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})(?:[ \t]*;.*)?$/;
const EMPTY_LINES = /(?:\r\n){0,4}/y;

export function readStrictly(text: string): StrictReading {
  const requests: StrictRequest[] = [];
  let at = 0;
  for (;;) {
    EMPTY_LINES.lastIndex = at;
    const start = at + (EMPTY_LINES.exec(text)?.[0].length ?? 0);
    if (start === text.length) return { requests, end: at, stop: "end" };
    const head = readHead(text, start);
    if (typeof head === "string") return { requests, end: at, stop: head };
    if (head.isTunnel) return { requests, end: at, stop: "tunnel" };
    const body = head.isChunked ? readChunks(text, head.end) : readLength(text, head);
    if (typeof body === "string") return { requests, end: at, stop: body };
    requests.push({ method: head.method, target: head.target, body: body.text });
    at = body.end;
    if (head.isLast) return { requests, end: at, stop: "close" };
  }
}

function readHead(text: string, start: number): Head | "incomplete" | "malformed" {
  const end = text.indexOf("\r\n\r\n", start);
  if (end < 0) return "incomplete";
  const [first = "", ...lines] = text.slice(start, end).split("\r\n");
  const line = REQUEST_LINE.exec(first);
  if (line === null) return "malformed";
  const [, method = "", target = "", minor] = line;
  const fields: [string, string][] = [];
  for (const field of lines) {
    const parts = FIELD.exec(field);
    if (parts === null) return "malformed";
    fields.push([(parts[1] ?? "").toLowerCase(), parts[2] ?? ""]);
  }
  const values = (name: string): readonly string[] =>
    fields.filter(([found]) => found === name).map(([, value]) => value);
  const listOf = (name: string): readonly string[] =>
    values(name).flatMap((value) => value.split(",").map((part) => part.trim().toLowerCase()));
  const hosts = values("host").length;
  if (hosts > 1 || (hosts === 0 && minor === "1")) return "malformed";
  const codings = listOf("transfer-encoding");
  const given = listOf("content-length");
  if (!given.every((length) => LENGTH.test(length))) return "malformed";
  // RFC 9110 section 8.6: the same number may be repeated.
  const lengths = [...new Set(given.map(Number))];
  if (codings.length > 0) {
    const isPlain = codings.length === 1 && codings[0] === "chunked";
    if (!isPlain || lengths.length > 0 || minor === "0") return "malformed";
  }
  if (lengths.length > 1) return "malformed";
  const options = listOf("connection");
  const asksUpgrade = options.includes("upgrade") && listOf("upgrade").some((p) => p !== "h2c");
  const isKeptAlive = options.includes("keep-alive");
  return {
    method,
    target,
    isChunked: codings.length > 0,
    length: lengths[0] ?? 0,
    isTunnel: method === "CONNECT",
    // What follows an Upgrade may be another protocol, whether or not it is granted.
    isLast: options.includes("close") || asksUpgrade || (minor === "0" && !isKeptAlive),
    end: end + 4,
  };
}

interface Body {
  readonly text: string;
  readonly end: number;
}

function readLength(text: string, head: Head): Body | "incomplete" {
  const end = head.end + head.length;
  return end > text.length ? "incomplete" : { text: text.slice(head.end, end), end };
}

function readChunks(text: string, from: number): Body | "incomplete" | "malformed" {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return "incomplete";
    const line = CHUNK_LINE.exec(text.slice(at, lineEnd));
    if (line === null) return "malformed";
    const size = Number.parseInt(line[1] ?? "", 16);
    at = lineEnd + 2;
    if (size === 0) return readTrailers(text, at, parts.join(""));
    if (text.length < at + size + 2) return "incomplete";
    parts.push(text.slice(at, at + size));
    at += size;
    if (!text.startsWith("\r\n", at)) return "malformed";
    at += 2;
  }
}

function readTrailers(text: string, from: number, body: string): Body | "incomplete" | "malformed" {
  if (text.startsWith("\r\n", from)) return { text: body, end: from + 2 };
  const end = text.indexOf("\r\n\r\n", from);
  if (end < 0) return "incomplete";
  const lines = text.slice(from, end).split("\r\n");
  return lines.every((line) => FIELD.test(line)) ? { text: body, end: end + 4 } : "malformed";
}

/** What in a complete request of the proxy's some server could read otherwise; undefined when nothing. */
export function doubtAbout(text: string): string | undefined {
  const head = text.slice(0, text.indexOf("\r\n\r\n"));
  const [first = "", ...lines] = head.split("\r\n");
  if (/[\r\n\0]/.test(lines.join("") + first)) return "a bare CR, LF or NUL";
  if (!REQUEST_LINE.test(first)) return "the request line";
  const names = lines.map((line) => line.slice(0, line.indexOf(":")));
  if (!names.every((name) => TOKEN.test(name))) return "a field name";
  if (!lines.every((line) => FIELD.test(line))) return "a field";
  const count = (name: string): number =>
    names.filter((found) => found.toLowerCase() === name).length;
  if (count("host") !== 1) return "Host is not there once";
  if (count("content-length") + count("transfer-encoding") > 1)
    return "more than one framing field";
  if (count("upgrade") + count("http2-settings") + count("keep-alive") > 0)
    return "a field of the hop";
  return undefined;
}
