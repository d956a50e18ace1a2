/**
 * An HTTP/2 server on raw sockets that says nothing of its own but its SETTINGS: tests see each frame that
 * comes, and send those that they like. It shares no code with the product.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { frame } from "./http2-frame-recorder.ts";
import { ACK, FRAME, type ReceivedFrame } from "./raw-http2-client.ts";

const HEADER_BYTES = 9;
const PREFACE_BYTES = 24;

export class RawHttp2Connection {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  readonly #onChange: () => void;
  #kept = Buffer.alloc(0);
  #skip = PREFACE_BYTES;
  isClosed = false;

  constructor(socket: Socket, onChange: () => void) {
    this.socket = socket;
    this.#onChange = onChange;
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      onChange();
    });
    this.send(FRAME.settings, 0, 0);
  }

  send(type: number, flags: number, streamId: number, payload?: Buffer): void {
    this.socket.write(frame(type, flags, streamId, payload));
  }

  received(type: number): readonly ReceivedFrame[] {
    return this.frames.filter((received) => received.type === type);
  }

  /** PING frames that ask for an answer. */
  get pings(): readonly ReceivedFrame[] {
    return this.received(FRAME.ping).filter(({ flags }) => (flags & ACK) === 0);
  }

  /** Answers the newest PING. */
  answerPing(): void {
    this.send(FRAME.ping, ACK, 0, this.pings.at(-1)?.payload);
  }

  #read(bytes: Buffer): void {
    let kept = Buffer.concat([this.#kept, bytes]);
    const skipped = Math.min(this.#skip, kept.length);
    this.#skip -= skipped;
    kept = kept.subarray(skipped);
    while (kept.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + kept.readUIntBE(0, 3);
      if (kept.length < end) break;
      this.frames.push({
        type: kept[3]!,
        flags: kept[4]!,
        streamId: kept.readUInt32BE(5) & 0x7fff_ffff,
        payload: Buffer.from(kept.subarray(HEADER_BYTES, end)),
      });
      kept = kept.subarray(end);
    }
    this.#kept = Buffer.from(kept);
    this.#onChange();
  }
}

export class RawHttp2Peer {
  readonly port: number;
  readonly connections: RawHttp2Connection[] = [];
  #waiting = new Set<() => void>();

  private constructor(port: number) {
    this.port = port;
  }

  /** Ends with the test. */
  static async start(context: TestContext): Promise<RawHttp2Peer> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const peer = new RawHttp2Peer((server.address() as AddressInfo).port);
    server.on("connection", (socket) => {
      peer.connections.push(new RawHttp2Connection(socket, () => peer.#changed()));
      peer.#changed();
    });
    context.after(() => {
      for (const { socket } of peer.connections) socket.destroy();
      server.close();
    });
    return peer;
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** The connection of this index, once it has carried so many requests. */
  async connection(index: number, requests = 1): Promise<RawHttp2Connection> {
    const found = (): RawHttp2Connection | undefined => this.connections[index];
    await this.until(() => (found()?.received(FRAME.headers).length ?? 0) >= requests);
    return found()!;
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resolve of waiting) resolve();
  }
}
