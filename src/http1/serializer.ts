/** Writes heads, chunk framing and trailers of HTTP/1.1 as Latin-1 text. */
import type { HeaderBlock } from "../http/header-block.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_UNTIL_CLOSE,
  type RequestHead,
} from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";

/** The request head with its framing fields written anew. `authority` becomes Host. */
export function serializeRequestHead(head: RequestHead, target: string, authority: string): string {
  const start = `${head.method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n`;
  const lines = start + head.headers.toLines();
  if (head.bodyKind === BODY_CHUNKED) return `${lines}Transfer-Encoding: chunked\r\n\r\n`;
  if (head.contentLength >= 0) return `${lines}Content-Length: ${head.contentLength}\r\n\r\n`;
  return `${lines}\r\n`;
}


export function serializeResponseHead(
  head: ResponseHead,
  allowsChunked: boolean,
  connectionLine: string,
): string {
  const status = head.status === 200 && head.reason === "OK" ? "200 OK" : `${head.status} ${head.reason}`;
  const lines = `HTTP/1.1 ${status}\r\n${head.headers.toLines()}`;
  if (head.bodyKind === BODY_CHUNKED || head.bodyKind === BODY_UNTIL_CLOSE) {
    const framing = allowsChunked ? "Transfer-Encoding: chunked\r\n" : "";
    return `${lines}${framing}${connectionLine}\r\n`;
  }
  // RFC 9110 section 8.6: no Content-Length in 1xx and 204; HEAD and 304 answers may have one.
  if (head.contentLength >= 0 && head.status !== 204 && head.status >= 200) {
    return `${lines}Content-Length: ${head.contentLength}\r\n${connectionLine}\r\n`;
  }
  return `${lines}${connectionLine}\r\n`;
}

export function serializeInterim(head: ResponseHead): string {
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${head.headers.toLines()}\r\n`;
}

/** What precedes the data of a chunk. */
export function chunkStart(length: number): string {
  return `${length.toString(16)}\r\n`;
}

/** The end of a chunked body with its trailer section. */
export function lastChunk(trailers: HeaderBlock | undefined): string {
  if (trailers === undefined) return "0\r\n\r\n";
  // RFC 9110 section 6.5.1: these would change how the message is read if a recipient merged them.
  for (const name of FORBIDDEN_TRAILERS) trailers.remove(name);
  return `0\r\n${trailers.toLines()}\r\n`;
}

const FORBIDDEN_TRAILERS = [
  "transfer-encoding",
  "content-length",
  "host",
  "connection",
  "te",
  "trailer",
  "upgrade",
  "authorization",
  "content-encoding",
  "content-type",
  "content-range",
] as const;

/** Whether a body of this kind is sent in chunks to a peer that knows them. */
export function isSentInChunks(head: ResponseHead): boolean {
  return head.bodyKind === BODY_CHUNKED || head.bodyKind === BODY_UNTIL_CLOSE;
}

/** Whether a body follows the head at all. */
export function hasBody(kind: number): boolean {
  return kind === BODY_CHUNKED || kind === BODY_LENGTH || kind === BODY_UNTIL_CLOSE;
}
