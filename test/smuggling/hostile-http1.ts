/** HTTP/1.1 requests as attackers write them: each connection's bytes, from a seed. */
import type { Prng } from "../../src/core/prng.ts";

/** Requests carry their number in the path, as `/c7r2`; hidden ones `/c7s`. */
export const REQUEST_ID = /c\d+[rs]\d*/;

/** Of a connection that is still in step, this is the last request. */
export function lastRequest(number: number): string {
  return `GET /c${number}r99 HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n`;
}

const METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PURGE", "get", "CONNECT"];

const TARGETS: readonly ((id: string) => string)[] = [
  ...Array.from({ length: 6 }, () => (id: string) => `/${id}`),
  (id) => `http://other.example/${id}`,
  (id) => `http://app:80@other.example/${id}`,
  (id) => `//other.example/${id}`,
  (id) => `/%2e%2e/${id}?a=%0d%0aHost:%20evil`,
  (id) => `/${id}#fragment`,
  (id) => `/a\\b/${id}`,
  (id) => `/${id} HTTP/1.1 `,
  (id) => `/${id}\tx`,
  (id) => `/${id}\x0b`,
  (id) => `ftp://x/${id}`,
];

const VERSIONS = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/2.0",
  "http/1.1",
];

/** Field lines; `{n}` is the length of the body, `{h}` a hidden request in one line. */
const LINES = [
  ...["Content-Length: {n}", "content-length:{n}", "Content-Length: +{n}", "Content-Length: 0{n}"],
  ...[
    "Content-Length : {n}",
    "Content-Length: {n} ",
    "Content-Length: {n}, {n}",
    "Content-Length: 0",
  ],
  ...[
    "Content-Length: -1",
    "Content-Length: 0x5",
    "Content-Length: {n}\x0b",
    "Content-Length:\t{n}",
  ],
  ...["Content-Length: 99999999999999999999", " Content-Length: {n}", "Content-Length: 5,6"],
  ...["Content\x00-Length: {n}", "Content-Length:", "Content_Length: {n}", "Content-Length: 1e1"],
  ...["Transfer-Encoding: chunked", "transfer-encoding: CHUNKED", "Transfer-Encoding : chunked"],
  ...["Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding:"],
  ...["Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "TE: chunked"],
  ...[
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: chunked\x00",
  ],
  ...[
    "Transfer-Encoding:chunked;q=1",
    'Transfer-Encoding: "chunked"',
    "Transfer_Encoding: chunked",
  ],
  ...[
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\r\n\tfolded: 1",
    "X: y\nTransfer-Encoding: chunked",
  ],
  ...[
    "X: y\rTransfer-Encoding: chunked",
    "X: y\r\r\nContent-Length: 3",
    ": nameless",
    "no colon here",
  ],
  ...[
    "Host: other.example",
    "host: app, other",
    "Host: app\x00",
    "Host : app",
    "X-Forwarded-Host: evil",
  ],
  ...[
    "Connection: close",
    "Connection: keep-alive",
    "Connection: content-length",
    "Connection: host",
  ],
  ...[
    "Connection: transfer-encoding, te",
    "Connection: close, x-y",
    "Proxy-Connection: keep-alive",
  ],
  ...[
    "Connection: Upgrade\r\nUpgrade: websocket",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
  ],
  ...[
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Expect: 200-nothing",
    "TE: trailers",
    "Trailer: Content-Length",
  ],
  ...[
    "X-A: {h}",
    "Cookie: a=1\r\nCookie: b=2",
    "X-Long: abcdefghijklmnopqrstuvwxyz",
    "X-\xe9: 1",
    "X: \xff\xfe",
  ],
  ...[
    "Keep-Alive: timeout=0",
    "X-HTTP-Method-Override: DELETE",
    "Range: bytes=0-1",
    "X: \x7f",
    "X: \x01",
  ],
];

const CHUNK_EXTENSIONS = ["", "", "", ";a=b", ' ; a="b;\\"c"', ";\n", ";a=\r\n", "\t", " ", ";{h}"];
const CHUNK_SIZES: readonly ((size: number) => string)[] = [
  ...Array.from({ length: 5 }, () => (size: number) => size.toString(16)),
  (size) => `000${size.toString(16)}`,
  (size) => `0x${size.toString(16)}`,
  (size) => `+${size.toString(16)}`,
  (size) => `-${size.toString(16)}`,
  (size) => (size + 1).toString(16),
  (size) => `${size.toString(16)}_0`,
  () => "ffffffffffffffff",
  () => "",
];
const CHUNK_ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "", "\r\n\r\n"];
const TRAILERS = [
  ...["", "", "", "X-T: 1\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"],
  ...[
    "Host: evil\r\n",
    "X-T : 1\r\n",
    " folded: 1\r\n",
    "X: y\n",
    "GET /x HTTP/1.1\r\nHost: evil\r\n",
  ],
];

/** One connection: one to four requests with faults, then `lastRequest`. */
export function hostileConnection(prng: Prng, number: number): string {
  const below = (bound: number): number => Math.floor(prng.next() * bound);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const hidden = `GET /c${number}s HTTP/1.1\r\nHost: app\r\n\r\n`;
  const hiddenInLine = `GET /c${number}s HTTP/1.1`;
  const fill = (line: string, length: number): string =>
    line.replaceAll("{n}", String(length)).replaceAll("{h}", hiddenInLine);

  const chunks = (content: string): string => {
    const size = pick(CHUNK_SIZES)(content.length);
    const end = pick(CHUNK_ENDS);
    const extension = fill(pick(CHUNK_EXTENSIONS), content.length);
    const data = content === "" ? "" : `${size}${extension}\r\n${content}${end}`;
    return `${data}0${fill(pick(CHUNK_EXTENSIONS), 0)}\r\n${pick(TRAILERS)}\r\n`;
  };

  const request = (id: string): string => {
    const content = pick([
      "",
      "abc",
      hidden,
      `0\r\n\r\n${hidden}`,
      `3\r\nabc\r\n0\r\n\r\n${hidden}`,
    ]);
    const lines = ["Host: app"];
    const isFramed = below(3) > 0;
    const isChunked = below(2) === 0;
    if (isFramed)
      lines.push(isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${content.length}`);
    for (let faults = below(3); faults > 0; faults--) {
      lines.splice(
        below(lines.length + 1),
        below(6) === 0 ? 1 : 0,
        fill(pick(LINES), content.length),
      );
    }
    const line = `${pick(METHODS)} ${pick(TARGETS)(id)} ${pick(VERSIONS)}`;
    const body = isChunked && below(4) > 0 ? chunks(content) : content;
    const start = below(12) === 0 ? pick(["\r\n", "\n", "\r", " ", "\r\n\r\n"]) : "";
    const lineEnd = below(12) === 0 ? pick(["\n", "\r", "\r\r\n"]) : "\r\n";
    return `${start}${[line, ...lines].join(lineEnd)}${lineEnd}\r\n${isFramed || below(3) === 0 ? body : ""}`;
  };

  const count = 1 + below(3);
  const requests = Array.from({ length: count }, (_, i) => request(`c${number}r${i}`));
  return requests.join("") + lastRequest(number);
}
