/**
 * One end of an HTTP/2 connection for the oracle: sends what a case says frame by frame, within the other side's
 * windows, and keeps all that came, as the messages that the HTTP/1.1 reader makes, too.
 */
import type { Socket } from "node:net";
import { frame, uint32 } from "../support/http2-frame-recorder.ts";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  type Field,
  FRAME,
  literalBlock,
} from "../support/raw-http2-client.ts";
import type { Act } from "./case.ts";
import { HpackReader } from "./hpack-reader.ts";
import type { RawMessage } from "./message-reader.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const FRAME_HEADER_SIZE = 9;
const DATA_SIZE_MAX = 16_384;
const WINDOW_MAX = 2 ** 31 - 1;
const WINDOW_DEFAULT = 65_535;
const PADDED = 0x8;
const PRIORITY = 0x20;
const SETTING = { enablePush: 2, initialWindow: 4, enableConnect: 8 } as const;

const CODES = [
  ...["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT"],
  ...["STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR"],
  ...["CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"],
];

/** What becomes of the other side's streams. */
export interface Http2Handler {
  /** A request or response, interim ones included, without its body. */
  onHead(streamId: number, message: RawMessage): void;
  /** It is whole. */
  onEnd(streamId: number, message: RawMessage): void;
  /** The stream was reset; the message says so. Without a head it has no start line. */
  onReset(streamId: number, message: RawMessage): void;
  /** By the name of its error code. */
  onGoaway(code: string): void;
}

type Queued = { readonly bytes: Buffer; readonly ends: boolean } | { readonly trailers: Buffer };

interface StreamState {
  message: RawMessage | undefined;
  window: number;
  readonly queue: Queued[];
}

export class Http2Peer {
  readonly #socket: Socket;
  readonly #handler: Http2Handler;
  readonly #hpack = new HpackReader();
  readonly #streams = new Map<number, StreamState>();
  #pending: Buffer = Buffer.alloc(0);
  #block: Buffer[] = [];
  #blockEnds = false;
  #window = WINDOW_DEFAULT;
  #initialWindow = WINDOW_DEFAULT;
  #isPrefaceDue: boolean;

  constructor(socket: Socket, side: "client" | "server", handler: Http2Handler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#isPrefaceDue = side === "server";
    const settings = [
      ...(side === "client" ? [[SETTING.enablePush, 0]] : [[SETTING.enableConnect, 1]]),
      [SETTING.initialWindow, WINDOW_MAX],
    ].map(([id = 0, value = 0]) => Buffer.concat([Buffer.of(0, id), uint32(value)]));
    this.#write(side === "client" ? PREFACE : Buffer.alloc(0));
    this.#write(frame(FRAME.settings, 0, 0, Buffer.concat(settings)));
    this.#write(frame(FRAME.windowUpdate, 0, 0, uint32(WINDOW_MAX - WINDOW_DEFAULT)));
  }

  /** Does on a stream what the case says, as soon as the windows allow. */
  perform(streamId: number, act: Act): void {
    if ("fields" in act) this.#sendFields(streamId, act.fields, act.ends === true);
    else if ("data" in act) this.#sendData(streamId, act.data, act.ends === true);
    else if ("reset" in act) this.#write(frame(FRAME.rstStream, 0, streamId, uint32(act.reset)));
    else if ("goaway" in act) {
      const last = act.refuses === true ? streamId - 2 : streamId;
      this.#write(frame(FRAME.goaway, 0, 0, uint32(Math.max(0, last), act.goaway)));
    } else if ("frame" in act) {
      const { frame: type, flags = 0, payload = "", on = streamId } = act;
      this.#write(frame(type, flags, on, Buffer.from(payload, "latin1")));
    } else if (act.ending === "end") this.#socket.end();
    else this.#socket.write("", () => this.#socket.resetAndDestroy());
  }

  feed(bytes: Buffer): void {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    if (this.#isPrefaceDue) {
      if (this.#pending.length < PREFACE.length) return;
      this.#pending = this.#pending.subarray(PREFACE.length);
      this.#isPrefaceDue = false;
    }
    while (this.#pending.length >= FRAME_HEADER_SIZE) {
      const end = FRAME_HEADER_SIZE + this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < end) return;
      const [type = 0, flags = 0] = this.#pending.subarray(3, 5);
      const streamId = this.#pending.readUInt32BE(5) & 0x7fff_ffff;
      const payload = this.#pending.subarray(FRAME_HEADER_SIZE, end);
      this.#pending = this.#pending.subarray(end);
      this.#take(type, flags, streamId, payload);
    }
  }

  #take(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case FRAME.data:
        this.#takeData(streamId, unpadded(payload, flags), (flags & END_STREAM) !== 0);
        break;
      case FRAME.headers: {
        const fragment = unpadded(payload, flags);
        this.#block = [(flags & PRIORITY) === 0 ? fragment : fragment.subarray(5)];
        this.#blockEnds = (flags & END_STREAM) !== 0;
        if ((flags & END_HEADERS) !== 0) this.#takeFields(streamId);
        break;
      }
      case FRAME.continuation:
        this.#block.push(payload);
        if ((flags & END_HEADERS) !== 0) this.#takeFields(streamId);
        break;
      case FRAME.rstStream:
        this.#takeReset(streamId, nameOf(payload.readUInt32BE(0)));
        break;
      case FRAME.settings:
        if ((flags & ACK) === 0) this.#takeSettings(payload);
        break;
      case FRAME.ping:
        if ((flags & ACK) === 0) this.#write(frame(FRAME.ping, ACK, 0, payload));
        break;
      case FRAME.goaway:
        this.#handler.onGoaway(nameOf(payload.readUInt32BE(4)));
        break;
      case FRAME.windowUpdate:
        if (streamId === 0) this.#window += payload.readUInt32BE(0);
        else this.#stream(streamId).window += payload.readUInt32BE(0);
        this.#flushAll();
        break;
    }
  }

  #takeFields(streamId: number): void {
    const fields = this.#hpack.read(Buffer.concat(this.#block));
    const stream = this.#stream(streamId);
    const isHead = fields.some(([name]) => name === ":method" || name === ":status");
    if (isHead) {
      stream.message = messageOf(fields);
      this.#handler.onHead(streamId, stream.message);
    } else if (stream.message !== undefined) {
      stream.message.trailers = fields;
    }
    const isInterim = isHead && / 1\d\d /.test(stream.message?.startLine ?? "");
    if (this.#blockEnds || isInterim) this.#end(streamId, this.#blockEnds);
  }

  #takeData(streamId: number, data: Buffer, ends: boolean): void {
    const { message } = this.#stream(streamId);
    if (message !== undefined && data.length > 0) {
      message.framing = message.headers.some(([name]) => name === "content-length")
        ? "length"
        : "stream";
      message.body = Buffer.concat([message.body, data]);
    }
    if (ends) this.#end(streamId, true);
  }

  #takeReset(streamId: number, reset: string): void {
    const stream = this.#stream(streamId);
    stream.queue.length = 0;
    const message = stream.message ?? messageOf([]);
    message.reset = reset;
    if (stream.message === undefined) this.#handler.onHead(streamId, message);
    this.#handler.onReset(streamId, message);
  }

  #end(streamId: number, isWhole: boolean): void {
    const stream = this.#stream(streamId);
    const { message } = stream;
    if (message === undefined) return;
    message.isComplete = true;
    if (!isWhole) stream.message = undefined;
    this.#handler.onEnd(streamId, message);
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SETTING.initialWindow) continue;
      const size = payload.readUInt32BE(at + 2);
      for (const stream of this.#streams.values()) stream.window += size - this.#initialWindow;
      this.#initialWindow = size;
    }
    this.#write(frame(FRAME.settings, ACK, 0));
    this.#flushAll();
  }

  #sendFields(streamId: number, fields: readonly Field[], ends: boolean): void {
    const { queue } = this.#stream(streamId);
    const block = literalBlock(fields);
    if (queue.length > 0) queue.push({ trailers: block });
    else this.#writeBlock(streamId, block, ends);
  }

  #sendData(streamId: number, text: string, ends: boolean): void {
    this.#stream(streamId).queue.push({ bytes: Buffer.from(text, "latin1"), ends });
    this.#flush(streamId);
  }

  #flushAll(): void {
    for (const streamId of this.#streams.keys()) this.#flush(streamId);
  }

  #flush(streamId: number): void {
    const stream = this.#stream(streamId);
    for (;;) {
      const [next] = stream.queue;
      if (next === undefined) return;
      if ("trailers" in next) {
        this.#writeBlock(streamId, next.trailers, true);
        stream.queue.shift();
        continue;
      }
      const { bytes, ends } = next;
      const window = Math.max(0, Math.min(stream.window, this.#window));
      const size = Math.min(bytes.length, DATA_SIZE_MAX, window);
      if (size === 0 && bytes.length > 0) return;
      const isLast = size === bytes.length;
      const flags = isLast && ends ? END_STREAM : 0;
      this.#write(frame(FRAME.data, flags, streamId, bytes.subarray(0, size)));
      stream.window -= size;
      this.#window -= size;
      if (isLast) stream.queue.shift();
      else stream.queue[0] = { bytes: bytes.subarray(size), ends };
    }
  }

  /** In as many frames as it takes. */
  #writeBlock(streamId: number, block: Buffer, ends: boolean): void {
    let at = 0;
    do {
      const fragment = block.subarray(at, at + DATA_SIZE_MAX);
      const type = at === 0 ? FRAME.headers : FRAME.continuation;
      at += DATA_SIZE_MAX;
      const flags =
        (type === FRAME.headers && ends ? END_STREAM : 0) | (at >= block.length ? END_HEADERS : 0);
      this.#write(frame(type, flags, streamId, fragment));
    } while (at < block.length);
  }

  #stream(streamId: number): StreamState {
    const known = this.#streams.get(streamId);
    if (known !== undefined) return known;
    const stream = { message: undefined, window: this.#initialWindow, queue: [] };
    this.#streams.set(streamId, stream);
    return stream;
  }

  #write(bytes: Buffer): void {
    if (bytes.length > 0 && this.#socket.writable) this.#socket.write(bytes);
  }
}

function unpadded(payload: Buffer, flags: number): Buffer {
  return (flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - payload[0]!);
}

function nameOf(code: number): string {
  return CODES[code] ?? String(code);
}

/** Pseudo fields that have a place in a start line go there, the others stay among the fields. */
function messageOf(fields: readonly Field[]): RawMessage {
  const pseudo = (wanted: string): string => fields.find(([name]) => name === wanted)?.[1] ?? "";
  const status = pseudo(":status");
  const path = pseudo(":path");
  const startLine =
    status !== "" ? `HTTP/2 ${status} ` : `${pseudo(":method")} ${path === "" ? "-" : path} HTTP/2`;
  const inStartLine = [":status", ":method", ":path"];
  return {
    startLine: fields.length === 0 ? "HTTP/2  " : startLine,
    headers: fields.filter(([name]) => !inStartLine.includes(name)),
    framing: "none",
    body: Buffer.alloc(0),
    trailers: [],
    isComplete: false,
  };
}
