/** HTTP/2 requests as attackers write them: the frames of each connection's streams, from a seed. */
import type { Prng } from "../../src/core/prng.ts";
import { frame } from "../support/http2-frame-recorder.ts";
import {
  END_HEADERS,
  END_STREAM,
  type Field,
  FRAME,
  literalBlock,
} from "../support/raw-http2-client.ts";

export interface HostileStream {
  readonly streamId: number;
  /** `c7r2`: what the request's path holds. */
  readonly id: string;
  readonly method: string;
  /** Of all DATA, a character a byte. */
  readonly body: string;
  /** Both sides of the message were sent: an answer, or a reset, must come. */
  readonly isComplete: boolean;
  /** RFC 9113 section 8.1.1: no upstream may see anything of a message whose head is malformed. */
  readonly isHeadMalformed: boolean;
  /** The end is missing or malformed: only an upstream over HTTP/1.1 may think that it saw it whole. */
  readonly isEndMalformed: boolean;
  /** What Content-Length says. */
  readonly declared: number | undefined;
  readonly frames: readonly Buffer[];
}

type Fault = (fields: Field[], hidden: string) => void;

const replace =
  (name: string, value: (old: string, hidden: string) => string): Fault =>
  (fields, hidden) => {
    const at = fields.findIndex(([found]) => found === name);
    if (at >= 0) fields[at] = [name, value(fields[at]![1], hidden)];
  };
const add =
  (name: string, value: string | ((hidden: string) => string)): Fault =>
  (fields, hidden) => {
    fields.push([name, typeof value === "string" ? value : value(hidden)]);
  };
const drop =
  (name: string): Fault =>
  (fields) => {
    const at = fields.findIndex(([found]) => found === name);
    if (at >= 0) fields.splice(at, 1);
  };
const early =
  (name: string, value: string): Fault =>
  (fields) => {
    fields.unshift([name, value]);
  };

/** Each makes the message malformed (RFC 9113 sections 8.2 and 8.3). */
const MALFORMED: readonly Fault[] = [
  add("x-a", (hidden) => `1\r\n\r\n${hidden}`),
  add("x-a", "1\r\ntransfer-encoding: chunked"),
  add("x-a", "1\nx: 2"),
  add("x-a", "1\rx: 2"),
  add("x-a", "1\0"),
  add("x-a", " 1"),
  add("x-a", "1\t"),
  add("x-a\r\nhost: evil", "1"),
  add("x-a: 1\r\nx-b", "1"),
  add("x:a", "1"),
  add("x a", "1"),
  add("X-A", "1"),
  add("", "1"),
  add("x\0", "1"),
  add("transfer-encoding", "chunked"),
  add("transfer-encoding", "identity"),
  add("connection", "close"),
  add("connection", "x-a"),
  add("keep-alive", "timeout=5"),
  add("proxy-connection", "keep-alive"),
  add("upgrade", "websocket"),
  add("te", "chunked"),
  add("te", "trailers, chunked"),
  add("content-length", "-1"),
  add("content-length", "0x0"),
  add("content-length", "1 "),
  add("content-length", "99999999999999999999"),
  add(":path", "/second"),
  add(":unknown", "1"),
  add(":status", "200"),
  early("x-early", "1"),
  early(":method", "POST"),
  early(":authority", "evil"),
  drop(":method"),
  drop(":path"),
  drop(":scheme"),
  replace(":path", () => ""),
  replace(":path", (path, hidden) => `${path} HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`),
  replace(":path", (path) => `${path}\r\n`),
  replace(":path", (path) => `${path}\n`),
  replace(":path", (path) => `${path}\0`),
  replace(":path", (path) => `${path} x`),
  replace(":method", (method) => `${method} /evil HTTP/1.1\r\nHost: evil\r\n\r\nGET`),
  replace(":method", () => "GET /"),
  replace(":method", () => ""),
  replace(":authority", () => "app\r\nx: 1"),
  replace(":authority", () => "app evil"),
  replace(":authority", () => "user@app"),
  add("host", "other.example"),
];

/** What a proxy may take or refuse; whatever it does, there is one request at most. */
const DOUBTFUL: readonly Fault[] = [
  () => {},
  () => {},
  () => {},
  () => {},
  add("te", "trailers"),
  add("host", "app"),
  add("expect", "100-continue"),
  add("cookie", "a=1"),
  add("x-http-method-override", "DELETE"),
  add("content_length", "5"),
  add("transfer_encoding", "chunked"),
  add("x-a", "\x01"),
  add("x-a", "\x7f"),
  add("x-a", "\xff"),
  add("x-forwarded-host", "evil"),
  add("http2-settings", "AAMAAABk"),
  add("trailer", "content-length"),
  drop(":authority"),
  replace(":path", (path) => `http://evil${path}`),
  replace(":path", (path) => `/${path}`),
  replace(":path", (path) => `${path}#fragment`),
  replace(":path", (path) => `${path}?a=%0d%0aHost:%20evil`),
  replace(":path", (path) => `/..${path}`),
  replace(":path", (path) => `\\${path}`),
  replace(":path", (path) => path.slice(1)),
  replace(":path", (path) => `${path}\t`),
  replace(":scheme", () => "https"),
  replace(":scheme", () => "http\r\nx: 1"),
  replace(":scheme", () => "ftp"),
  replace(":authority", () => "app:80:80"),
  replace(":authority", () => ""),
  replace(":method", () => "CONNECT"),
  replace(":method", () => "get"),
  (fields) => {
    replace(":method", () => "CONNECT")(fields, "");
    fields.unshift([":protocol", "websocket"]);
  },
];

const TRAILERS: readonly { readonly fields: readonly Field[]; readonly isMalformed: boolean }[] = [
  { fields: [["x-t", "1"]], isMalformed: false },
  { fields: [["content-length", "5"]], isMalformed: false },
  { fields: [["host", "evil"]], isMalformed: false },
  { fields: [[":path", "/evil"]], isMalformed: true },
  { fields: [["transfer-encoding", "chunked"]], isMalformed: true },
  { fields: [["x-t", "1\r\n\r\nGET /evil HTTP/1.1"]], isMalformed: true },
  { fields: [["X-T", "1"]], isMalformed: true },
];

export function hostileStream(prng: Prng, number: number, index: number): HostileStream {
  const below = (bound: number): number => Math.floor(prng.next() * bound);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const streamId = 2 * index + 1;
  const id = `c${number}r${index}`;
  const hidden = `GET /c${number}s HTTP/1.1\r\nHost: app\r\n\r\n`;
  const method = pick(["GET", "POST", "PUT", "HEAD", "OPTIONS"]);
  const fields: Field[] = [
    [":method", method],
    [":scheme", "http"],
    [":authority", "app"],
    [":path", `/${id}`],
  ];
  const body = pick([
    "",
    "",
    "abc",
    hidden,
    `0\r\n\r\n${hidden}`,
    `3\r\nabc\r\n0\r\n\r\n${hidden}`,
  ]);
  let isHeadMalformed = false;
  let isEndMalformed = false;
  if (below(2) === 0) {
    pick(MALFORMED)(fields, hidden);
    isHeadMalformed = true;
  } else {
    pick(DOUBTFUL)(fields, hidden);
  }
  const declared = pick([undefined, undefined, body.length, body.length, body.length + 3, 1, 0]);
  if (declared !== undefined) {
    fields.push(["content-length", String(declared)]);
    // RFC 9113 section 8.1.1: the sum of DATA is another.
    if (declared !== body.length) isEndMalformed = true;
  }
  const trailers = below(5) === 0 ? pick(TRAILERS) : undefined;
  if (trailers?.isMalformed === true) isEndMalformed = true;
  const isComplete = below(10) > 0;
  const hasMore = body !== "" || trailers !== undefined || !isComplete;
  const frames = [headersOf(prng, streamId, literalBlock(fields), hasMore)];
  if (body !== "") {
    const cut = below(body.length + 1);
    const isLast = trailers === undefined && isComplete;
    frames.push(
      frame(FRAME.data, 0, streamId, body.slice(0, cut)),
      frame(FRAME.data, isLast ? END_STREAM : 0, streamId, body.slice(cut)),
    );
  }
  if (trailers !== undefined) {
    const flags = END_HEADERS | (isComplete ? END_STREAM : 0);
    frames.push(frame(FRAME.headers, flags, streamId, literalBlock(trailers.fields)));
    // Trailers that do not end the stream are malformed, too (section 8.1).
    if (!isComplete) isEndMalformed = true;
  }
  const seenMethod = fields.find(([name]) => name === ":method")?.[1] ?? "";
  return {
    streamId,
    id,
    method: seenMethod,
    body,
    isComplete,
    isHeadMalformed,
    isEndMalformed,
    declared,
    frames,
  };
}

/** A field block in HEADERS alone, or with CONTINUATIONs behind it. */
function headersOf(prng: Prng, streamId: number, block: Buffer, hasMore: boolean): Buffer {
  const endStream = hasMore ? 0 : END_STREAM;
  if (prng.next() < 0.7) return frame(FRAME.headers, END_HEADERS | endStream, streamId, block);
  const cut = Math.floor(prng.next() * (block.length + 1));
  return Buffer.concat([
    frame(FRAME.headers, endStream, streamId, block.subarray(0, cut)),
    frame(FRAME.continuation, END_HEADERS, streamId, block.subarray(cut)),
  ]);
}
