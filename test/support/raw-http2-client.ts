/**
 * An HTTP/2 client on a raw socket: it sends exactly the frames it is told to. It shares no code with the
 * product: fields are written as literals without compression, and of answers only DATA is looked into.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { frame, uint32 } from "./http2-frame-recorder.ts";

export const FRAME = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const HEADER_BYTES = 9;
const INITIAL_WINDOW_SIZE = 0x4;
/** Half of what there can be: tests may add to it. */
const WINDOW_BYTES = 2 ** 30;
const DEFAULT_WINDOW = 65_535;

export type Field = readonly [name: string, value: string];

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface Http2ClientOptions {
  /** Window of each stream that answers may use, half of what there can be when left out. */
  readonly windowBytes?: number;
  /** Whether SETTINGS and PING are acknowledged. */
  readonly answers?: boolean;
}

/** A field block of literals that nobody indexes (RFC 7541 section 6.2.2), a character a byte. */
export function literalBlock(fields: readonly Field[]): Buffer {
  const parts = fields.flatMap(([name, value]) => [
    Buffer.of(0),
    literalString(name),
    literalString(value),
  ]);
  return Buffer.concat(parts);
}

function literalString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([hpackInteger(bytes.length, 7), bytes]);
}

/** RFC 7541 section 5.1. */
function hpackInteger(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(value);
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** A request without a body, by the usual four pseudo fields. */
export function requestFields(path: string, ...more: readonly Field[]): readonly Field[] {
  return [[":method", "GET"], [":scheme", "http"], [":authority", "app"], [":path", path], ...more];
}

export class RawHttp2Client {
  readonly socket: Socket;
  /** All but DATA, in order. */
  readonly frames: ReceivedFrame[] = [];
  hasEnded = false;
  readonly #answers: boolean;
  readonly #bodies = new Map<number, Buffer[]>();
  readonly #over = new Set<number>();
  #kept = Buffer.alloc(0);
  #onChange = new Set<() => void>();

  static async connect(port: number, options: Http2ClientOptions = {}): Promise<RawHttp2Client> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const client = new RawHttp2Client(socket, options);
    await once(socket, "connect");
    return client;
  }

  private constructor(socket: Socket, { windowBytes, answers = true }: Http2ClientOptions) {
    this.socket = socket;
    this.#answers = answers;
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    const setting = Buffer.concat([
      Buffer.of(0, INITIAL_WINDOW_SIZE),
      uint32(windowBytes ?? WINDOW_BYTES),
    ]);
    this.send(PREFACE, frame(FRAME.settings, 0, 0, setting));
    this.send(frame(FRAME.windowUpdate, 0, 0, uint32(WINDOW_BYTES - DEFAULT_WINDOW)));
  }

  send(...frames: readonly Buffer[]): this {
    if (!this.hasEnded) this.socket.write(Buffer.concat(frames));
    return this;
  }

  /** A request in one HEADERS frame. */
  request(streamId: number, fields: readonly Field[], hasBody = false): this {
    const flags = END_HEADERS | (hasBody ? 0 : END_STREAM);
    return this.send(frame(FRAME.headers, flags, streamId, literalBlock(fields)));
  }

  /** Of the answer so far, a character a byte. */
  bodyOf(streamId: number): string {
    return Buffer.concat(this.#bodies.get(streamId) ?? []).toString("latin1");
  }

  /** Whether the stream's answer came to its end, or it was reset. */
  isOver(streamId: number): boolean {
    return this.#over.has(streamId);
  }

  received(type: number): readonly ReceivedFrame[] {
    return this.frames.filter((received) => received.type === type);
  }

  /** Error code of the GOAWAY that came, undefined without one. */
  get goawayCode(): number | undefined {
    return this.received(FRAME.goaway).at(-1)?.payload.readUInt32BE(4);
  }

  /** Resolves when it is true, or the connection has ended. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue() && !this.hasEnded) {
      await new Promise<void>((resolve) => this.#onChange.add(resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    let kept = this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    while (kept.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + kept.readUIntBE(0, 3);
      if (kept.length < end) break;
      this.#take({
        type: kept[3]!,
        flags: kept[4]!,
        streamId: kept.readUInt32BE(5) & 0x7fff_ffff,
        payload: Buffer.from(kept.subarray(HEADER_BYTES, end)),
      });
      kept = kept.subarray(end);
    }
    this.#kept = Buffer.from(kept);
    this.#changed();
  }

  #take(received: ReceivedFrame): void {
    const { type, flags, streamId, payload } = received;
    if (type === FRAME.data) {
      const parts = this.#bodies.get(streamId) ?? [];
      parts.push(payload);
      this.#bodies.set(streamId, parts);
    } else {
      this.frames.push(received);
    }
    const mayEnd = type === FRAME.data || type === FRAME.headers;
    if (type === FRAME.rstStream || (mayEnd && (flags & END_STREAM) !== 0))
      this.#over.add(streamId);
    const mayAnswer = this.#answers && (flags & ACK) === 0;
    if (mayAnswer && type === FRAME.settings) this.send(frame(FRAME.settings, ACK, 0));
    if (mayAnswer && type === FRAME.ping) this.send(frame(FRAME.ping, ACK, 0, payload));
  }

  #end(): void {
    this.hasEnded = true;
    this.#changed();
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = new Set();
    for (const resolve of waiting) resolve();
  }
}
