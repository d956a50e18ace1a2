/** A client's and a server's HTTP/2 connection without sockets: what one writes is fed to the other, in any pieces. */
import { HeaderBlock } from "../../src/http/header-block.ts";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { BODY_CHUNKED, BODY_NONE, RequestHead } from "../../src/http/request-head.ts";
import { ResponseHead } from "../../src/http/response-head.ts";
import { Http2Client, Http2ResponseStream } from "../../src/http2/client-connection.ts";
import type { FrameSink } from "../../src/http2/frame-sink.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { Http2RequestStream, Http2Server } from "../../src/http2/server-connection.ts";

export const DEFAULT_SETTINGS = {
  maxConcurrentStreams: 100,
  initialStreamWindowBytes: 65_535,
  initialConnectionWindowBytes: 8 * 1024 * 1024,
  allowsConnect: true,
};

export type Fields = readonly (readonly [name: string, value: string])[];

/** Collects what a connection writes. */
export class MemorySink implements FrameSink {
  bytes = Buffer.alloc(1024);
  at = 0;
  isBlocked = false;
  isFlushed = true;
  /** Whether the next frame fills it up. */
  blocksOnCommit = false;
  #taken: Buffer[] = [];

  reserve(bytes: number): void {
    if (this.bytes.length - this.at >= bytes) return;
    this.#taken.push(Buffer.from(this.bytes.subarray(0, this.at)));
    this.bytes = Buffer.alloc(Math.max(1024, bytes));
    this.at = 0;
  }

  commit(at: number): void {
    this.at = at;
    if (this.blocksOnCommit) this.isBlocked = true;
  }

  /** Everything since the last call. */
  take(): Buffer {
    const all = Buffer.concat([...this.#taken, this.bytes.subarray(0, this.at)]);
    this.#taken = [];
    this.bytes = Buffer.alloc(1024);
    this.at = 0;
    return all;
  }
}

/** What happened to one side of a stream, in order. */
export interface StreamRecord {
  heads: { status: number; target: string; fields: Fields }[];
  body: Buffer[];
  trailers: Fields | undefined;
  isEnded: boolean;
  ends: string[];
  drains: number;
}

function newRecord(): StreamRecord {
  return { heads: [], body: [], trailers: undefined, isEnded: false, ends: [], drains: 0 };
}

export function fieldsOf(headers: HeaderBlock): Fields {
  const fields: [string, string][] = [];
  headers.forEach((name, value) => {
    fields.push([name, value]);
  });
  return fields;
}

export function blockOf(fields: Fields): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of fields) block.add(new HeaderField(new HeaderName(name), value));
  return block;
}

export function requestHead(method: string, hasBody: boolean, fields: Fields = []): RequestHead {
  const head = new RequestHead();
  head.method = method;
  head.bodyKind = hasBody ? BODY_CHUNKED : BODY_NONE;
  for (const [name, value] of fields)
    head.headers.add(new HeaderField(new HeaderName(name), value));
  return head;
}

export function responseHead(status: number, hasBody: boolean, fields: Fields = []): ResponseHead {
  const head = new ResponseHead();
  head.status = status;
  head.bodyKind = hasBody ? BODY_CHUNKED : BODY_NONE;
  for (const [name, value] of fields)
    head.headers.add(new HeaderField(new HeaderName(name), value));
  return head;
}

export class ServedStream extends Http2RequestStream {
  readonly record = newRecord();
  readonly #pair: Http2Pair;

  constructor(pair: Http2Pair) {
    super();
    this.#pair = pair;
  }

  onRequest(): void {
    this.record.heads.push({
      status: 0,
      target: this.head.target,
      fields: fieldsOf(this.head.headers),
    });
    this.#pair.served.push(this);
    this.#pair.onRequest?.(this);
  }

  onFieldsTooLarge(): void {
    this.record.ends.push("too-large");
    this.#pair.server.sendLocal(this, 431, new HeaderBlock(), -1, true);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.record.body.push(Buffer.from(bytes.subarray(start, end)));
    this.#pair.onRequestData?.(this);
  }

  onEnd(trailers: HeaderBlock | undefined): void {
    this.record.isEnded = true;
    this.record.trailers = trailers && fieldsOf(trailers);
    this.#pair.onRequestEnd?.(this);
  }

  onSendDrain(): void {
    this.record.drains += 1;
  }

  onPeerReset(code: number): void {
    this.record.ends.push(`reset ${code}`);
  }

  onMalformed(reason: string): void {
    this.record.ends.push(`malformed: ${reason}`);
  }

  onLost(reason: string): void {
    this.record.ends.push(`lost: ${reason}`);
  }

  onClosed(): void {
    this.record.ends.push("closed");
  }
}

export class AskingStream extends Http2ResponseStream {
  readonly record = newRecord();

  onInterim(): void {
    this.#onHead();
  }

  onResponse(): void {
    this.#onHead();
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.record.body.push(Buffer.from(bytes.subarray(start, end)));
  }

  onEnd(trailers: HeaderBlock | undefined): void {
    this.record.isEnded = true;
    this.record.trailers = trailers && fieldsOf(trailers);
  }

  onSendDrain(): void {
    this.record.drains += 1;
  }

  onPeerReset(code: number): void {
    this.record.ends.push(`reset ${code}`);
  }

  onMalformed(reason: string): void {
    this.record.ends.push(`malformed: ${reason}`);
  }

  onRefused(): void {
    this.record.ends.push("refused");
  }

  onLost(reason: string): void {
    this.record.ends.push(`lost: ${reason}`);
  }

  onClosed(): void {
    this.record.ends.push("closed");
  }

  #onHead(): void {
    const { status, headers } = this.head;
    this.record.heads.push({ status, target: "", fields: fieldsOf(headers) });
  }
}

export class Http2Pair {
  readonly clientSink = new MemorySink();
  readonly serverSink = new MemorySink();
  readonly server: Http2Server<ServedStream>;
  readonly client: Http2Client<AskingStream>;
  readonly served: ServedStream[] = [];
  readonly errors: string[] = [];
  onRequest: ((stream: ServedStream) => void) | undefined;
  onRequestData: ((stream: ServedStream) => void) | undefined;
  onRequestEnd: ((stream: ServedStream) => void) | undefined;
  nowMs = 0;
  drained = 0;
  /** Calls of the server's `onStuck`. */
  stuck = 0;

  constructor(settings = DEFAULT_SETTINGS) {
    const scratch = new HpackScratch();
    const nowMs = (): number => this.nowMs;
    this.server = new Http2Server({
      sink: this.serverSink,
      settings,
      scratch,
      nowMs,
      usesHuffman: true,
      takeStream: () => new ServedStream(this),
      onActivity: () => {},
      onDrained: () => {
        this.drained += 1;
      },
      onStuck: () => {
        this.stuck += 1;
      },
      onError: (code, reason) => this.errors.push(`server ${code}: ${reason}`),
    });
    this.client = new Http2Client({
      sink: this.clientSink,
      settings,
      scratch,
      nowMs,
      usesHuffman: false,
      onRoom: () => {},
      onStreamsGone: () => {},
      onError: (code, reason) => {
        this.errors.push(`client ${code}: ${reason}`);
        // As the proxy does it.
        this.client.lose(reason);
      },
    });
  }

  ask(head: RequestHead, target = "/"): AskingStream {
    const stream = new AskingStream();
    this.client.reserve(stream);
    this.client.sendRequest(stream, head, target, "app.test", head.bodyKind === BODY_NONE);
    return stream;
  }

  /** Exchanges bytes until neither side has more. `pieceBytes` gives the size of each piece. */
  settle(pieceBytes: () => number = () => 1 << 16): void {
    for (;;) {
      const up = this.clientSink.take();
      feed(up, pieceBytes, (piece, at) => this.server.receive(piece, at, piece.length));
      const down = this.serverSink.take();
      feed(down, pieceBytes, (piece, at) => this.client.receive(piece, at, piece.length));
      if (up.length === 0 && down.length === 0) return;
    }
  }
}

/** `receive` returns the offset that it came to. */
function feed(
  bytes: Buffer,
  pieceBytes: () => number,
  receive: (piece: Buffer, at: number) => number,
): void {
  for (let at = 0; at < bytes.length; ) {
    const piece = Buffer.from(bytes.subarray(at, at + Math.max(1, pieceBytes())));
    at += piece.length;
    for (let used = 0; used < piece.length; ) used = receive(piece, used);
    piece.fill(0xee);
  }
}
