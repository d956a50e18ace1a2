/** One downstream HTTP/2 connection: its socket, its codec, its deadline, and the streams that carry exchanges. */
import type { Socket } from "node:net";
import { PREMATURE_RESETS_MAX, PREMATURE_RESETS_OF_KNOWN_PEER_MAX } from "../core/limits.ts";
import { Http2Server } from "../http2/server-connection.ts";
import { ByteWriter } from "../net/byte-writer.ts";
import { SocketReader } from "../net/socket-reader.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import { ConnectionDeadline, type ConnectionDeadlineHandler } from "./connection-deadline.ts";
import type { ServerConnection } from "./connection-server.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import type { HttpServer } from "./http-server.ts";
import { type Http2Keepalive, startKeepalive } from "./http2-keepalive.ts";
import { HPACK_SCRATCH } from "./http2-scratch.ts";
import type {
  Http2ServerStream,
  Http2ServerStreamOwner,
  Http2StreamPool,
} from "./http2-server-stream.ts";

export class Http2ServerConnection
  implements ServerConnection, FaultOwner, ConnectionDeadlineHandler, Http2ServerStreamOwner
{
  readonly connection: DownstreamConnection;
  readonly isMultiplexed = true;
  readonly http2: Http2Server<Http2ServerStream>;
  readonly #socket: Socket;
  readonly #server: HttpServer;
  readonly #reader: SocketReader;
  readonly #writer: ByteWriter;
  readonly #deadline: ConnectionDeadline;
  readonly #keepalive: Http2Keepalive | undefined;
  /** The frame or field block that the deadline is for. */
  #awaited = 0;
  #hasPeerEnded = false;
  /** Nothing is read any more; what arrives is dropped. */
  #isClosing = false;
  activity = 0;
  failure: string | undefined;

  /** `early`: what was read of the connection before its protocol was known. */
  constructor(
    socket: Socket,
    connection: DownstreamConnection,
    server: HttpServer,
    streams: Http2StreamPool,
    early: Buffer | undefined,
  ) {
    this.connection = connection;
    this.#socket = socket;
    this.#server = server;
    this.#writer = new ByteWriter(
      socket,
      guarded(this, () => this.http2.onSinkDrain()),
    );
    const isPeerKnown = connection.peerPrincipal !== "";
    this.http2 = new Http2Server({
      sink: this.#writer,
      scratch: HPACK_SCRATCH,
      settings: server.config.http2,
      nowMs: server.nowMs,
      usesHuffman: !isPeerKnown,
      prematureResetsMax: isPeerKnown ? PREMATURE_RESETS_OF_KNOWN_PEER_MAX : PREMATURE_RESETS_MAX,
      takeStream: () => streams.take(this),
      onActivity: () => this.#onActivity(),
      onDrained: () => this.#close(),
      onStuck: () => setImmediate(this.#loseStuck),
      onError: (_code, reason) => {
        this.failure = reason;
        this.#close();
      },
    });
    this.#deadline = new ConnectionDeadline(server, this);
    this.#keepalive = startKeepalive(server.config.http2.keepalive, this, server);
    socket.on(
      "end",
      guarded(this, () => this.#onPeerEnd()),
    );
    socket.on(
      "close",
      guarded(this, () => this.#onClose()),
    );
    // The close event that follows every error tells all that matters here.
    socket.on("error", () => {});
    server.connections.add(this);
    this.#deadline.armIdle();
    this.#reader = new SocketReader(socket, this, early);
    if (server.isReplaced) this.drain();
  }

  get isIdle(): boolean {
    return this.http2.streamCount === 0;
  }

  get unsentBytes(): number {
    return this.#writer.unsentBytes;
  }

  drain(): void {
    if (this.#isClosing) return;
    this.http2.drain();
    this.#deadline.armDrain();
  }

  judgeTunnels(): void {
    this.http2.forEachStream((stream) => stream.judgeTunnel());
    this.#writer.flush();
  }

  endStreams(): void {
    this.http2.forEachStream((stream) => stream.endEarly());
    // The socket may be destroyed in this turn.
    this.#writer.flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Orderly: streams that are open are served to their end. */
  close(): void {
    this.http2.drain();
    this.http2.finishDrain();
  }

  /** Its streams end with the socket. */
  onPeerLost(): void {
    this.#socket.destroy();
  }

  onHeadTimeout(): void {
    this.http2.giveUp("a frame, or the fields of a message, did not come whole in time");
  }

  onFault(error: unknown): void {
    this.#server.faults.report("downstream connection", error);
    this.#isClosing = true;
    this.#socket.destroy();
  }

  /** For the socket's reader. */
  onRead(bytes: Buffer, length: number): boolean {
    if (this.#isClosing) return true;
    try {
      const used = this.http2.receive(bytes, 0, length);
      if (used < length) this.#reader.giveLater(bytes, used, length);
      this.#limitFrame(this.http2.awaited);
    } catch (error) {
      this.onFault(error);
    }
    return true;
  }

  /** What has begun is to come whole within the time for a request's head (T20). */
  #limitFrame(awaited: number): void {
    if (awaited === this.#awaited || this.#isClosing) return;
    this.#deadline.onRequest();
    if (awaited !== 0) this.#deadline.armHead();
    this.#awaited = awaited;
  }

  #onActivity(): void {
    this.activity += 1;
    this.#writer.isPatient = this.http2.streamCount > 1;
    if (this.#hasPeerEnded && this.isIdle) this.#close();
  }

  #onPeerEnd(): void {
    this.#hasPeerEnded = true;
    if (this.#isClosing) {
      this.#deadline.onPeerEndWhileClosing();
      return;
    }
    this.http2.endReceiving("the client ended the connection within a request");
    if (this.isIdle) this.#close();
  }

  readonly #loseStuck = guarded(this, () => this.http2.loseStuck());

  #onClose(): void {
    this.#isClosing = true;
    this.#deadline.disarm();
    this.#keepalive?.stop();
    this.#server.onConnectionClosed(this);
    this.http2.lose("the client closed the connection");
  }

  /** Sends our FIN behind the last frame and drops what still arrives, so that no reset eats it. */
  #close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#keepalive?.stop();
    this.#writer.end(this.#onSent);
    this.#deadline.armClosing();
  }

  readonly #onSent = (): void => {
    if (this.#socket.destroyed) return;
    if (this.#hasPeerEnded) this.#socket.destroy();
    else this.#deadline.armLinger();
  };
}
