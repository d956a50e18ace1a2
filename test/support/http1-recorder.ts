/** Feeds bytes to the HTTP/1.1 parsers and tells what they made of them, as plain values to compare. */
import type { HeaderBlock } from "../../src/http/header-block.ts";
import type { RequestHead } from "../../src/http/request-head.ts";
import type { ResponseHead } from "../../src/http/response-head.ts";
import { parseErrorInfo } from "../../src/http1/errors.ts";
import { RequestParser } from "../../src/http1/request-parser.ts";
import { ResponseParser } from "../../src/http1/response-parser.ts";

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly minorVersion: number;
  readonly bodyKind: number;
  readonly contentLength: number;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  readonly upgrade: string;
  readonly acceptsTrailers: boolean;
  readonly queryAt: number;
  readonly hasSpecialBytes: boolean;
  /** What a proxy forwards of the header section. */
  readonly lines: string;
  body: string;
  isComplete: boolean;
  /** Lines, or undefined when there was no trailer section. */
  trailers: string | undefined;
}

export interface RecordedResponse {
  readonly status: number;
  readonly reason: string;
  readonly minorVersion: number;
  readonly bodyKind: number;
  readonly contentLength: number;
  readonly keepAlive: boolean;
  readonly keepAliveTimeoutMs: number;
  readonly lines: string;
  body: string;
  isComplete: boolean;
  trailers: string | undefined;
}

export interface Recorded<Message> {
  readonly messages: readonly Message[];
  /** The code of the error that ended parsing, or "". */
  readonly error: string;
  /** The status that a server answers to the error, or 0. */
  readonly errorStatus: number;
  /** The bytes end within a message. */
  readonly isMidMessage: boolean;
}

/** Parses one connection's bytes as a server does. */
export function recordRequests(chunks: readonly Buffer[]): Recorded<RecordedRequest> {
  const messages: RecordedRequest[] = [];
  const parser = new RequestParser({
    onRequestHead: (head) => messages.push(requestOf(head)),
    onBody: (bytes, start, end) => addBody(messages, bytes, start, end),
    onRequestEnd: (trailers) => complete(messages, trailers),
  });
  for (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      at = parser.execute(chunk, at, chunk.length);
      if (at < 0) return refused(messages, at);
    }
  }
  return { messages, error: "", errorStatus: 0, isMidMessage: parser.isMidMessage };
}

/** Parses the answer to one request of this method, and the end of the connection behind it. */
export function recordResponse(
  chunks: readonly Buffer[],
  method = "GET",
): Recorded<RecordedResponse> {
  const messages: RecordedResponse[] = [];
  const parser = new ResponseParser({
    onInterimResponse: (head) => messages.push({ ...responseOf(head), isComplete: true }),
    onResponseHead: (head) => messages.push(responseOf(head)),
    onBody: (bytes, start, end) => addBody(messages, bytes, start, end),
    onResponseEnd: (trailers) => complete(messages, trailers),
  });
  parser.expect(method);
  for (const chunk of chunks) {
    const used = parser.execute(chunk, 0, chunk.length);
    if (used < 0) return refused(messages, used);
  }
  const isMidMessage = parser.isExpecting && !parser.finish();
  return { messages, error: "", errorStatus: 0, isMidMessage };
}

/** Text as bytes, one a character. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Cuts bytes at the given offsets. */
export function splitAt(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const cuts = [0, ...[...offsets].sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

/** Each byte by itself. */
export function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

function requestOf(head: RequestHead): RecordedRequest {
  return {
    method: head.method,
    target: head.target,
    authority: head.authority,
    minorVersion: head.minorVersion,
    bodyKind: head.bodyKind,
    contentLength: head.contentLength,
    keepAlive: head.keepAlive,
    expectsContinue: head.expectsContinue,
    upgrade: head.upgrade,
    acceptsTrailers: head.acceptsTrailers,
    queryAt: head.queryAt,
    hasSpecialBytes: head.hasSpecialBytes,
    lines: head.headers.toLines(),
    body: "",
    isComplete: false,
    trailers: undefined,
  };
}

function responseOf(head: ResponseHead): RecordedResponse {
  return {
    status: head.status,
    reason: head.reason,
    minorVersion: head.minorVersion,
    bodyKind: head.bodyKind,
    contentLength: head.contentLength,
    keepAlive: head.keepAlive,
    keepAliveTimeoutMs: head.keepAliveTimeoutMs,
    lines: head.headers.toLines(),
    body: "",
    isComplete: false,
    trailers: undefined,
  };
}

interface Body {
  body: string;
  isComplete: boolean;
  trailers: string | undefined;
}

function addBody(messages: readonly Body[], bytes: Buffer, start: number, end: number): void {
  if (end <= start) throw new RangeError(`an empty range was delivered: ${start} to ${end}`);
  messages.at(-1)!.body += bytes.toString("latin1", start, end);
}

function complete(messages: readonly Body[], trailers: HeaderBlock | undefined): void {
  const message = messages.at(-1)!;
  if (message.isComplete) throw new Error("a message ended twice");
  message.isComplete = true;
  message.trailers = trailers?.toLines();
}

function refused<Message>(messages: readonly Message[], error: number): Recorded<Message> {
  const { code, status } = parseErrorInfo(error);
  return { messages, error: code, errorStatus: status, isMidMessage: false };
}
