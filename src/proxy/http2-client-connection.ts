/** One upstream HTTP/2 connection: its socket, its codec, and the streams that carry requests. */
import type { Socket } from "node:net";
import type { Prng } from "../core/prng.ts";
import { RecentPeak } from "../core/recent-peak.ts";
import type { TimerWheel } from "../core/timer-wheel.ts";
import { Http2Client } from "../http2/client-connection.ts";
import { ByteWriter } from "../net/byte-writer.ts";
import { socketFailure } from "../net/node-error.ts";
import { SocketReader } from "../net/socket-reader.ts";
import { type CallbackFaults, type FaultOwner, guarded } from "./callback-faults.ts";
import type { Http2Options } from "./config/http2-options.ts";
import { Http2ClientStream, type Http2ClientStreamOwner } from "./http2-client-stream.ts";
import { type Http2Keepalive, startKeepalive } from "./http2-keepalive.ts";
import { HPACK_SCRATCH } from "./http2-scratch.ts";
import type { ClientStream, ClientStreamHandler, UpstreamFailure } from "./stream.ts";
import {
  PoolNotes,
  type UpstreamConnection,
  type UpstreamConnectionOwner,
} from "./upstream-connection.ts";

/** Stream objects that a connection keeps for its next requests: a full set of concurrent ones, as most servers allow. */
const FREE_STREAMS_MAX = 100;
/** As many requests ago, what happens on a connection may have been something else. */
const PEAK_REQUESTS = 1_024;

export interface Http2ClientServices {
  readonly faults: CallbackFaults;
  readonly nowMs: () => number;
  readonly timers: { readonly idle: TimerWheel };
  readonly prng: Prng;
  readonly http2: Http2Options;
}

export class Http2ClientConnection
  implements UpstreamConnection, FaultOwner, Http2ClientStreamOwner
{
  readonly http2: Http2Client<Http2ClientStream>;
  readonly isMultiplexed = true;
  readonly peerIdleLimitMs = 0;
  readonly pooled = new PoolNotes();
  readonly #socket: Socket;
  readonly #owner: UpstreamConnectionOwner;
  readonly #faults: CallbackFaults;
  readonly #reader: SocketReader;
  readonly #writer: ByteWriter;
  readonly #keepalive: Http2Keepalive | undefined;
  readonly #free: Http2ClientStream[] = [];
  /** Of the requests under way at once. */
  readonly #requestsPeak = new RecentPeak(PEAK_REQUESTS);
  #error: unknown;
  /** Why its streams end, where it is not the socket that failed. */
  #failure: UpstreamFailure | undefined;
  /** The pool has been told of the end, or has asked for it. */
  #isPoolAware = false;
  isClosed = false;

  constructor(socket: Socket, owner: UpstreamConnectionOwner, services: Http2ClientServices) {
    this.#socket = socket;
    this.#owner = owner;
    this.#faults = services.faults;
    this.#writer = new ByteWriter(
      socket,
      guarded(this, () => this.http2.onSinkDrain()),
    );
    this.http2 = new Http2Client({
      sink: this.#writer,
      scratch: HPACK_SCRATCH,
      settings: services.http2,
      nowMs: services.nowMs,
      usesHuffman: false,
      onRoom: () => this.#onRoom(),
      onStreamsGone: () => this.#onStreamsGone(),
      onError: (_code, reason) => this.#fail({ kind: "protocol-error", reason }),
    });
    this.#keepalive = startKeepalive(services.http2.keepalive, this, services);
    socket.on(
      "end",
      guarded(this, () => this.#socket.destroy()),
    );
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on(
      "close",
      guarded(this, () => this.#onClose()),
    );
    this.#reader = new SocketReader(socket, this);
  }

  get isDraining(): boolean {
    return this.http2.isGoingAway;
  }

  get isBlocked(): boolean {
    return this.#writer.isBlocked;
  }

  get room(): number {
    return this.isClosed ? 0 : this.http2.room;
  }

  get activeStreams(): number {
    return this.http2.streamCount;
  }

  open(handler: ClientStreamHandler): ClientStream {
    // With as many requests under way as lately at most, nobody is known who might send another soon.
    const requests = this.http2.streamCount + 1;
    this.#writer.isPatient = !this.#requestsPeak.isReachedBy(requests) && requests > 1;
    const stream = this.#free.pop() ?? new Http2ClientStream(this);
    stream.attach(handler);
    this.http2.reserve(stream);
    this.#keepalive?.onRequest();
    return stream;
  }

  drain(): void {
    this.#isPoolAware = true;
    this.http2.drain();
    if (this.http2.streamCount === 0) this.#end();
  }

  destroy(): void {
    this.isClosed = true;
    this.http2.forEachStream((stream) => stream.detach());
    this.#socket.destroy();
  }

  onStreamFree(stream: Http2ClientStream): void {
    if (this.#free.length < FREE_STREAMS_MAX) this.#free.push(stream);
    if (!this.isClosed && !this.isDraining) this.#owner.onConnectionRoom(this);
  }

  /** How the exchanges on it end when it does. */
  failureFor(reason: string): UpstreamFailure {
    return this.#failure ?? { kind: "connection-closed", reason };
  }

  onFault(error: unknown): void {
    this.#faults.report("upstream connection", error);
    this.#fail({ kind: "protocol-error", reason: "an error of this proxy" });
  }

  /** Nothing that is written would arrive: the socket is cut. */
  onPeerLost(reason: string): void {
    this.#failure ??= { kind: "connection-closed", reason };
    this.isClosed = true;
    this.#socket.destroy();
    this.#lose(reason);
  }

  /** For the socket's reader. */
  onRead(bytes: Buffer, length: number): boolean {
    if (this.isClosed) return true;
    try {
      const used = this.http2.receive(bytes, 0, length);
      if (used < length) this.#reader.giveLater(bytes, used, length);
    } catch (error) {
      this.onFault(error);
    }
    return true;
  }

  #onRoom(): void {
    if (this.isClosed) return;
    if (!this.isDraining) {
      this.#owner.onConnectionRoom(this);
      return;
    }
    if (!this.#isPoolAware) {
      this.#isPoolAware = true;
      this.#owner.onConnectionDraining(this);
    }
    if (this.http2.streamCount === 0) this.#end();
  }

  #onStreamsGone(): void {
    if (this.isDraining && !this.isClosed) this.#end();
  }

  /** Orderly, with nothing under way. */
  #end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.http2.sayGoodbye();
    this.#writer.end(() => this.#socket.destroy());
  }

  /** The peer cannot be talked to any more: it is told, and so is everybody who waits for it. */
  #fail(failure: UpstreamFailure): void {
    this.#failure ??= failure;
    this.isClosed = true;
    this.#writer.end(() => this.#socket.destroy());
    this.#lose("reason" in failure ? failure.reason : failure.kind);
  }

  #onClose(): void {
    this.isClosed = true;
    this.#keepalive?.stop();
    this.#owner.onConnectionClosed(this);
    const { http2 } = this;
    if (http2.streamCount === 0) return;
    const reason =
      this.#error === undefined ? "connection closed" : socketFailure(this.#error).reason;
    this.#lose(reason);
  }

  #lose(reason: string): void {
    try {
      this.http2.lose(reason);
    } catch (error) {
      // The exchange itself is broken. Its timeouts or its client end it.
      this.#faults.report("upstream connection", error);
    }
  }
}
