/**
 * HTTP/2 connections of both roles with streams on them: the server answers each request, the client has sent
 * three. No split within a frame changes what streams are told. Requests begin behind the read that brought them, so
 * that frames of one read may keep some from beginning; those that do have the same heads. Each stream is told in
 * order and closed once, and what is sent in return is in proportion to what came.
 */
import { CONCURRENT_STREAMS_MAX } from "../../../src/core/limits.ts";
import type { HeaderBlock } from "../../../src/http/header-block.ts";
import { Http2Client, Http2ResponseStream } from "../../../src/http2/client-connection.ts";
import type { ConnectionSettings } from "../../../src/http2/connection-streams.ts";
import { FRAME_HEADER_BYTES } from "../../../src/http2/frame.ts";
import type { FrameSink } from "../../../src/http2/frame-sink.ts";
import { HpackScratch } from "../../../src/http2/hpack/hpack-scratch.ts";
import { CLIENT_PREFACE } from "../../../src/http2/preface.ts";
import { Http2RequestStream, Http2Server } from "../../../src/http2/server-connection.ts";
import { frame, opening, uint32 } from "../../support/http2-frame-recorder.ts";
import { requestHead, responseHead } from "../../support/http2-pair.ts";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  literalBlock,
  requestFields,
} from "../../support/raw-http2-client.ts";
import { Digest } from "../digest.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { readEnds } from "../splits.ts";

const SETTINGS: ConnectionSettings = {
  maxConcurrentStreams: 8,
  initialStreamWindowBytes: 65_535,
  initialConnectionWindowBytes: 1024 * 1024,
  allowsConnect: true,
};
/** Answers are small, but a request of 10 bytes gets one: head, body, and an update of a window. */
const SENT_PER_RECEIVED = 40;
const SENT_AT_ONCE = 4_096;
const ANSWER = Buffer.from("answer");

const EVENT = { head: 1, end: 2, drain: 3, reset: 4, malformed: 5, refused: 6, lost: 7 } as const;

const scratch = new HpackScratch();
const memory = Buffer.alloc(256 * 1024);

/** Counts what a connection writes, and forgets it. */
class CountingSink implements FrameSink {
  bytes = memory;
  at = 0;
  readonly isBlocked = false;
  readonly isFlushed = true;

  reserve(bytes: number): void {
    if (this.bytes.length - this.at < bytes) this.bytes = Buffer.alloc(this.at + 2 * bytes);
  }

  commit(at: number): void {
    this.at = at;
  }

  /** Bytes since the last call. */
  take(): number {
    const { at } = this;
    this.at = 0;
    return at;
  }
}

/** What streams are told, and that it comes in order. */
class Journal {
  readonly digest = new Digest();
  /** What each stream that has begun was told first, by its key. */
  readonly heads = new Map<number, string>();
  /** Streams that were told of something and are not closed. */
  open = 0;
  #keys = 0;

  /** Names a stream in the digest. */
  take(): StreamJournal {
    this.#keys += 1;
    return new StreamJournal(this, this.#keys);
  }
}

class StreamJournal {
  readonly #journal: Journal;
  readonly #key: number;
  #isTold = false;
  #isEnded = false;
  #isClosed = false;

  constructor(journal: Journal, key: number) {
    this.#journal = journal;
    this.#key = key;
  }

  tell(event: number): Digest {
    must(!this.#isClosed, "a closed stream is told nothing");
    if (!this.#isTold) {
      this.#isTold = true;
      this.#journal.open += 1;
    }
    return this.#journal.digest.number(this.#key).number(event);
  }

  head(text: string): void {
    this.#journal.heads.set(this.#key, text);
    this.tell(EVENT.head).text(text);
  }

  data(bytes: Buffer, start: number, end: number): void {
    must(!this.#isClosed && !this.#isEnded, "no data comes behind the end");
    must(end > start, "no data is no call");
    this.#journal.digest.bytes(bytes, start, end);
  }

  end(trailers: HeaderBlock | undefined): void {
    must(!this.#isEnded, "a message ends once");
    this.#isEnded = true;
    this.tell(EVENT.end).text(trailers?.toLines() ?? "none");
  }

  close(): void {
    must(!this.#isClosed, "a stream closes once");
    this.#isClosed = true;
    if (this.#isTold) this.#journal.open -= 1;
  }
}

/** Readers pause where their bytes say so, and go on at once or with what comes next. */
function pauseAsTold<S>(
  connection: { pauseReading(stream: S): void; resumeReading(stream: S): void },
  stream: S,
  byte: number | undefined,
): void {
  connection.resumeReading(stream);
  const choice = (byte ?? 0) % 3;
  if (choice > 0) connection.pauseReading(stream);
  if (choice > 1) connection.resumeReading(stream);
}

class ServedStream extends Http2RequestStream {
  readonly #run: ServerRun;
  readonly #journal: StreamJournal;

  constructor(run: ServerRun) {
    super();
    this.#run = run;
    this.#journal = run.journal.take();
  }

  onRequest(): void {
    const { head } = this;
    const parts = [head.method, head.target, head.authority, head.bodyKind];
    this.#journal.head(`${parts.join(" ")}\n${head.headers.toLines()}`);
    // Some are answered before their body has come, so that the rest of it is not wanted.
    if (head.target.length % 4 === 3) this.#answer();
  }

  onFieldsTooLarge(): void {
    this.#journal.tell(EVENT.head);
    this.#run.connection.sendResponse(this, responseHead(431, false), true);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#journal.data(bytes, start, end);
    pauseAsTold(this.#run.connection, this, bytes[start]);
  }

  onEnd(trailers: HeaderBlock | undefined): void {
    this.#journal.end(trailers);
    if (this.head.target.length % 4 !== 3) this.#answer();
  }

  onSendDrain(): void {
    this.#journal.tell(EVENT.drain);
  }

  onPeerReset(code: number): void {
    this.#journal.tell(EVENT.reset).number(code);
  }

  onMalformed(reason: string): void {
    this.#journal.tell(EVENT.malformed).text(reason);
  }

  onLost(): void {
    this.#journal.tell(EVENT.lost);
  }

  onClosed(): void {
    must(this.slot === 0, "the place of a closed stream is free");
    this.#journal.close();
  }

  #answer(): void {
    const { connection } = this.#run;
    connection.sendResponse(this, responseHead(200, true), false);
    connection.sendData(this, ANSWER, 0, ANSWER.length);
    connection.sendEnd(this, undefined);
  }
}

class AskingStream extends Http2ResponseStream {
  readonly #run: ClientRun;
  readonly #journal: StreamJournal;

  constructor(run: ClientRun) {
    super();
    this.#run = run;
    this.#journal = run.journal.take();
  }

  onInterim(): void {
    this.onResponse();
  }

  onResponse(): void {
    const { status, headers, bodyKind, contentLength } = this.head;
    this.#journal.tell(EVENT.head).number(status).text(headers.toLines());
    this.#journal.tell(EVENT.head).number(bodyKind).number(contentLength);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#journal.data(bytes, start, end);
    pauseAsTold(this.#run.connection, this, bytes[start]);
  }

  onEnd(trailers: HeaderBlock | undefined): void {
    this.#journal.end(trailers);
  }

  onSendDrain(): void {
    this.#journal.tell(EVENT.drain);
  }

  onPeerReset(code: number): void {
    this.#journal.tell(EVENT.reset).number(code);
  }

  onMalformed(reason: string): void {
    this.#journal.tell(EVENT.malformed).text(reason);
  }

  onRefused(): void {
    this.#journal.tell(EVENT.refused);
  }

  onLost(): void {
    this.#journal.tell(EVENT.lost);
  }

  onClosed(): void {
    must(this.slot === 0, "the place of a closed stream is free");
    this.#journal.close();
  }
}

/** Of either role. */
interface Run {
  readonly journal: Journal;
  readonly sink: CountingSink;
  readonly connection: Pick<Http2Server<ServedStream>, "receive" | "streamCount" | "lose">;
}

class ServerRun implements Run {
  readonly journal = new Journal();
  readonly sink = new CountingSink();
  readonly connection: Http2Server<ServedStream>;

  constructor() {
    this.connection = new Http2Server({
      sink: this.sink,
      settings: SETTINGS,
      scratch,
      nowMs: () => 0,
      usesHuffman: false,
      takeStream: () => new ServedStream(this),
      onActivity: () => {},
      onDrained: () => {},
      onError: (code, reason) => {
        this.journal.digest.number(code).text(reason);
      },
    });
  }
}

class ClientRun implements Run {
  readonly journal = new Journal();
  readonly sink = new CountingSink();
  readonly connection: Http2Client<AskingStream>;

  constructor() {
    this.connection = new Http2Client({
      sink: this.sink,
      settings: SETTINGS,
      scratch,
      nowMs: () => 0,
      usesHuffman: false,
      onRoom: () => {},
      onStreamsGone: () => {},
      onError: (code, reason) => {
        this.journal.digest.number(code).text(reason);
      },
    });
    for (const method of ["GET", "HEAD", "POST"]) {
      const stream = new AskingStream(this);
      this.connection.reserve(stream);
      const isEnd = method !== "POST";
      this.connection.sendRequest(stream, requestHead(method, !isEnd), "/", "app", isEnd);
    }
  }
}

/** What streams were told in the end. */
function outcome({ journal, sink, connection }: Run, bytes: Buffer, ends: readonly number[]) {
  const reads = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
  let received = 0;
  let sent = sink.take();
  for (const read of reads) {
    received += read.length;
    for (let at = 0; at < read.length; ) at = connection.receive(read, at, read.length);
    must(connection.streamCount <= CONCURRENT_STREAMS_MAX, "streams are bounded");
    sent += sink.take();
  }
  must(sent <= SENT_AT_ONCE + SENT_PER_RECEIVED * received, "what is sent follows what came");
  const { value } = journal.digest;
  connection.lose("the end");
  must(journal.open === 0, "every stream is closed");
  must(connection.streamCount === 0, "no stream is left");
  return { value, heads: journal.heads };
}

/** Where frames end, and the preface; the last one may not come to its end. */
function frameEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  let at = bytes.indexOf(CLIENT_PREFACE) === 0 ? CLIENT_PREFACE.length : 0;
  while (bytes.length - at >= FRAME_HEADER_BYTES) {
    at = Math.min(at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3), bytes.length);
    ends.push(at);
  }
  if (at < bytes.length) ends.push(bytes.length);
  return ends;
}

function targetOf(name: string, start: Buffer, newRun: () => Run, seeds: readonly Buffer[]) {
  const target: FuzzTarget = {
    name,
    fuzz: (data) => {
      const bytes = Buffer.concat([start, data]);
      const frames = frameEnds(bytes);
      const byFrame = outcome(newRun(), bytes, frames);
      const pieces = [...new Set([...frames, ...readEnds(bytes)])].sort((a, b) => a - b);
      const { value } = outcome(newRun(), bytes, pieces);
      must(value === byFrame.value, "a split within frames changes nothing");
      for (const ends of [readEnds(bytes), [bytes.length]]) {
        for (const [key, head] of outcome(newRun(), bytes, ends).heads) {
          must(head === byFrame.heads.get(key), "what begins is what came");
        }
      }
    },
    seeds: () => seeds,
    inputBytesMax: 1_024,
  };
  return target;
}

const flags = END_HEADERS | END_STREAM;
const get = literalBlock(requestFields("/a"));
const post = literalBlock([...requestFields("/abc"), ["content-length", "5"]]);
const trailers = literalBlock([["x-sum", "1"]]);
const response = literalBlock([
  [":status", "200"],
  ["content-length", "5"],
]);

const requestSeeds: readonly Buffer[] = [
  frame(FRAME.headers, flags, 1, get),
  Buffer.concat([
    frame(FRAME.headers, END_HEADERS, 1, post),
    frame(FRAME.data, 0, 1, "hel"),
    frame(FRAME.data, END_STREAM, 1, "lo"),
    frame(FRAME.headers, flags, 3, get),
  ]),
  Buffer.concat([
    frame(FRAME.headers, END_HEADERS, 1, get),
    frame(FRAME.data, 0, 1, "hello"),
    frame(FRAME.headers, flags, 1, trailers),
  ]),
  Buffer.concat([
    frame(FRAME.headers, 0, 1, get.subarray(0, 9)),
    frame(FRAME.continuation, END_HEADERS, 1, get.subarray(9)),
    frame(FRAME.rstStream, 0, 1, uint32(8)),
    frame(FRAME.headers, flags, 3, get),
    frame(FRAME.windowUpdate, 0, 3, uint32(1)),
    frame(FRAME.windowUpdate, 0, 0, uint32(1)),
  ]),
  Buffer.concat([
    frame(FRAME.settings, 0, 0, Buffer.from("000400000001", "hex")),
    frame(FRAME.headers, flags, 1, get),
    frame(FRAME.settings, 0, 0, Buffer.from("000400001000000100000000", "hex")),
    frame(FRAME.ping, 0, 0, "12345678"),
    frame(FRAME.settings, ACK, 0),
    frame(FRAME.goaway, 0, 0, uint32(0, 0)),
  ]),
];

const responseSeeds: readonly Buffer[] = [
  Buffer.concat([
    frame(FRAME.headers, END_HEADERS, 1, literalBlock([[":status", "103"]])),
    frame(FRAME.headers, END_HEADERS, 1, response),
    frame(FRAME.data, 0, 1, "hel"),
    frame(FRAME.data, END_STREAM, 1, "lo"),
    frame(FRAME.headers, flags, 3, response),
    frame(FRAME.headers, END_HEADERS, 5, literalBlock([[":status", "200"]])),
    frame(FRAME.headers, flags, 5, trailers),
  ]),
  Buffer.concat([
    frame(FRAME.rstStream, 0, 1, uint32(7)),
    frame(FRAME.goaway, 0, 0, uint32(3, 0)),
    frame(FRAME.headers, flags, 3, literalBlock([[":status", "204"]])),
    frame(FRAME.windowUpdate, 0, 5, uint32(1)),
    frame(FRAME.settings, 0, 0, Buffer.from("000300000001", "hex")),
  ]),
];

export const http2ServerConnection: FuzzTarget = targetOf(
  "http2-server-connection",
  opening("server"),
  () => new ServerRun(),
  requestSeeds,
);

export const http2ClientConnection: FuzzTarget = targetOf(
  "http2-client-connection",
  opening("client"),
  () => new ClientRun(),
  responseSeeds,
);
