/** Writes heads, chunk framing and trailers of HTTP/1.1 as Latin-1 text. */
import type { HeaderBlock } from "../http/header-block.ts";
import {
  BODY_CHUNKED,
  BODY_TUNNEL,
  BODY_UNTIL_CLOSE,
  type RequestHead,
} from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { reasonOf } from "../http/status.ts";
import { dropForbiddenTrailers } from "../http/trailer-rules.ts";

/** The request head with its framing fields written anew. `authority` becomes Host. */
export function serializeRequestHead(head: RequestHead, target: string, authority: string): string {
  const isAsReceived = head.startEnd > 0 && target === head.target && authority === head.authority;
  const start = isAsReceived
    ? head.headers.text.slice(0, head.startEnd)
    : `${head.method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n`;
  let lines = start + head.headers.toLines();
  if (head.bodyKind === BODY_TUNNEL) return `${lines}${upgradeLines(head)}\r\n`;
  // RFC 9110 section 10.1.4: who sends TE names it in Connection too.
  if (head.acceptsTrailers) lines += "Connection: TE\r\n";
  if (head.bodyKind === BODY_CHUNKED) return `${lines}Transfer-Encoding: chunked\r\n\r\n`;
  if (head.contentLength >= 0) return `${lines}Content-Length: ${head.contentLength}\r\n\r\n`;
  return `${lines}\r\n`;
}

/**
 * The response head with its framing fields written anew. `allowsChunked` is false for HTTP/1.0
 * clients, whose connection must then end with the body. `connectionLine` is empty or a whole line.
 */
export function serializeResponseHead(
  head: ResponseHead,
  allowsChunked: boolean,
  connectionLine: string,
): string {
  const isOk = head.status === 200 && head.reason === "OK";
  const start = isOk ? "HTTP/1.1 200 OK\r\n" : `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  const lines = start + head.headers.toLines();
  if (isSentInChunks(head)) {
    const framing = allowsChunked ? "Transfer-Encoding: chunked\r\n" : "";
    return `${lines}${framing}${connectionLine}\r\n`;
  }
  // RFC 9110 section 8.6: no Content-Length in 204; answers to HEAD and 304 may have one.
  if (head.contentLength >= 0 && head.status !== 204) {
    return `${lines}Content-Length: ${head.contentLength}\r\n${connectionLine}\r\n`;
  }
  return `${lines}${connectionLine}\r\n`;
}

/** CONNECT needs no fields to become a tunnel. RFC 9110 section 7.8: Connection names Upgrade, and TE where it stands. */
function upgradeLines({ acceptsTrailers, upgrade }: RequestHead): string {
  if (upgrade === "") return acceptsTrailers ? "Connection: TE\r\n" : "";
  return `Connection: ${acceptsTrailers ? "Upgrade, TE" : "Upgrade"}\r\nUpgrade: ${upgrade}\r\n`;
}

/**
 * The head that opens a tunnel: 101 with the protocol that it switches to, or the 2xx answer to CONNECT
 * where `upgrade` is empty. It has no framing fields (RFC 9112 section 6.3, RFC 9110 section 8.6).
 */
export function serializeTunnelHead(head: ResponseHead, upgrade: string): string {
  const fields = head.headers.toLines();
  if (upgrade === "") return `HTTP/1.1 ${head.status} ${reasonOf(head.status)}\r\n${fields}\r\n`;
  return `HTTP/1.1 101 Switching Protocols\r\n${fields}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`;
}

/** A 1xx head. Neither framing nor connection fields stand in it (RFC 9112 section 6.1, RFC 9110 section 8.6). */
export function serializeInterim(head: ResponseHead): string {
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${head.headers.toLines()}\r\n`;
}

/** What precedes the data of a chunk. `length` is more than 0: an empty chunk would end the body. */
export function chunkStart(length: number): string {
  return `${length.toString(16)}\r\n`;
}

/** The end of a chunked body with its trailer section, from which forbidden fields are dropped. */
export function lastChunk(trailers: HeaderBlock | undefined): string {
  if (trailers === undefined) return "0\r\n\r\n";
  dropForbiddenTrailers(trailers);
  return `0\r\n${trailers.toLines()}\r\n`;
}

/** Whether a body of this kind is sent in chunks to a peer that knows them. */
export function isSentInChunks(head: ResponseHead): boolean {
  return head.bodyKind === BODY_CHUNKED || head.bodyKind === BODY_UNTIL_CLOSE;
}
