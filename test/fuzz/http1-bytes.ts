/** Byte streams for the HTTP/1.1 parsers: valid messages, ways to spoil them, and plain noise. */
import type { Prng } from "../../src/core/prng.ts";
import { bytesOf, splitAt } from "../support/http1-recorder.ts";

const REQUESTS = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\nGET /a/b?c=d HTTP/1.1\r\nHost: a:80\r\nConnection: keep-alive, x-gone\r\nX-Gone: 1\r\nTE: trailers\r\n\r\n",
  "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
  "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n",
  'PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\nA;a=b;c="d;\\"e"\r\n0123456789\r\n000;z\r\nX: 1\r\nContent-Length: 3\r\n\r\n',
  "GET http://b:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
  "HEAD /%2e%2e//a\\b HTTP/1.0\r\nConnection: keep-alive\r\nX:\t padded \t\r\n\r\n",
  "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\nExpect: 100-continue\r\n\r\nabc",
  "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
];

const RESPONSES = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nConnection: x-gone\r\n\r\n3;e\r\nabc\r\n0\r\nX-Gone: 1\r\nX-Kept: 2\r\n\r\n",
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\nETag: "x"\r\n\r\n',
  "HTTP/1.0 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nab",
  "HTTP/1.1 200 OK\r\n\r\nuntil the end",
  "HTTP/1.1 500\r\nContent-Length:3\r\n\r\nabcdef",
  "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
];

/** Pieces at which parsers have gone wrong. */
const FRAGMENTS = [
  ...[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\r\r\n",
    "\0",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "\x0b",
    "\x7f",
  ],
  ...["\xa0", "\xff", "#", "%00", "0x", "+", "-", "_", '"', "\\", "/", "*", "@", "[", "]", "="],
  ...["Content-Length: 1\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"],
  ...["Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding:\x0bchunked\r\n", "Host: z\r\n"],
  ...[
    " folded\r\n",
    "Connection: close\r\n",
    "Connection: content-length, host\r\n",
    "Expect: x\r\n",
  ],
  ...[
    "0\r\n\r\n",
    "1\r\nz\r\n",
    "fffffffffffff\r\n",
    "HTTP/1.1",
    "HTTP/2.0",
    " HTTP/1.0\r\n",
    "GET ",
  ],
  ...["__proto__: 1\r\n", "Upgrade: h2c\r\n", "TE: trailers\r\n", "Keep-Alive: timeout=0\r\n"],
];

export type Direction = "request" | "response";

/** A valid message, or several, with up to four faults put in. */
export function mutated(prng: Prng, direction: Direction): Buffer {
  const samples = direction === "request" ? REQUESTS : RESPONSES;
  let text = pick(prng, samples);
  if (below(prng, 4) === 0) text += pick(prng, samples);
  for (let faults = below(prng, 5); faults > 0; faults--) {
    const at = below(prng, text.length + 1);
    const length = below(prng, 1 + below(prng, 12));
    text = text.slice(0, at) + replacement(prng, text, at, length) + text.slice(at + length);
  }
  return bytesOf(text);
}

function replacement(prng: Prng, text: string, at: number, length: number): string {
  switch (below(prng, 5)) {
    case 0:
      return pick(prng, FRAGMENTS);
    case 1:
      return String.fromCharCode(below(prng, 256));
    case 2:
      return text.slice(at, at + length).repeat(2);
    case 3:
      return pick(prng, FRAGMENTS) + text.slice(at, at + length);
    default:
      return "";
  }
}

/** Bytes of any value, or pieces of messages in any order. */
export function noise(prng: Prng, direction: Direction): Buffer {
  const start = direction === "request" ? "GET / HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n";
  const parts: string[] = below(prng, 2) === 0 ? [start] : [];
  const isOfPieces = below(prng, 2) === 0;
  for (let count = below(prng, isOfPieces ? 12 : 100); count > 0; count--) {
    parts.push(isOfPieces ? pick(prng, FRAGMENTS) : String.fromCharCode(below(prng, 256)));
  }
  return bytesOf(parts.join(""));
}

/** The same bytes in one to seven reads, some of them empty. */
export function randomSplit(prng: Prng, bytes: Buffer): Buffer[] {
  const cuts = Array.from({ length: below(prng, 7) }, () => below(prng, bytes.length + 1));
  return splitAt(bytes, cuts);
}

function below(prng: Prng, bound: number): number {
  return Math.floor(prng.next() * bound);
}

function pick(prng: Prng, values: readonly string[]): string {
  return values[below(prng, values.length)] ?? "";
}
