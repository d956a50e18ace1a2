/** A reader of HTTP/1.1 messages for tests: it shares no code with the product, and forgives nothing. */

export interface RawMessage {
  /** Start line without CRLF. */
  readonly start: string;
  /** Header lines as they came, in order. */
  readonly lines: readonly string[];
  /** One character a byte. */
  readonly body: string;
  readonly trailers: readonly string[];
}

export interface Parsed<T> {
  readonly message: T;
  /** Offset behind it. */
  readonly end: number;
}

/** How a body without framing fields ends. */
export type Unframed = "empty" | "until-end";

export function headerOf({ lines }: Pick<RawMessage, "lines">, name: string): string | undefined {
  const prefix = `${name.toLowerCase()}:`;
  const values = lines.filter((line) => line.toLowerCase().startsWith(prefix));
  if (values.length === 0) return undefined;
  return values.map((line) => line.slice(prefix.length).trim()).join(",");
}

/** The head at `at`, or undefined while it is not complete. */
export function parseHead(text: string, at: number): Parsed<RawMessage> | undefined {
  const end = text.indexOf("\r\n\r\n", at);
  if (end < 0) return undefined;
  const [start = "", ...lines] = text.slice(at, end).split("\r\n");
  return { message: { start, lines, body: "", trailers: [] }, end: end + 4 };
}

/** The whole message at `at`, or undefined while it is not complete. */
export function parseMessage(
  text: string,
  at: number,
  unframed: Unframed,
  hasEnded: boolean,
): Parsed<RawMessage> | undefined {
  const head = parseHead(text, at);
  if (head === undefined) return undefined;
  const { message, end } = head;
  const length = headerOf(message, "content-length");
  const coding = headerOf(message, "transfer-encoding");
  if (length !== undefined && coding !== undefined) throw new Error(`both framings: ${text}`);
  if (coding !== undefined) {
    if (coding !== "chunked") throw new Error(`transfer-encoding ${coding}`);
    return parseChunks(text, end, message);
  }
  if (length === undefined) {
    if (unframed === "empty") return head;
    return hasEnded
      ? { message: { ...message, body: text.slice(end) }, end: text.length }
      : undefined;
  }
  const bodyEnd = end + Number(length);
  if (text.length < bodyEnd) return undefined;
  return { message: { ...message, body: text.slice(end, bodyEnd) }, end: bodyEnd };
}

function parseChunks(text: string, from: number, head: RawMessage): Parsed<RawMessage> | undefined {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const line = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`chunk size ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (text.length < at + size + 2) return undefined;
    parts.push(text.slice(at, at + size));
    if (text.slice(at + size, at + size + 2) !== "\r\n") throw new Error("chunk without CRLF");
    at += size + 2;
  }
  const body = parts.join("");
  if (text.startsWith("\r\n", at)) return { message: { ...head, body }, end: at + 2 };
  const end = text.indexOf("\r\n\r\n", at);
  if (end < 0) return undefined;
  return { message: { ...head, body, trailers: text.slice(at, end).split("\r\n") }, end: end + 4 };
}
