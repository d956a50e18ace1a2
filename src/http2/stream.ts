/**
 * One stream of a connection, for both roles: its state, its windows and what waits to be sent. Who
 * carries a message on it extends this class; the connection calls the `on` methods. Objects are used
 * again for later streams of their connection.
 */
import { nextRoom } from "../http/field-room.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { StreamReceiveWindow } from "./flow-window-receive.ts";
import { SendQueue } from "./send-queue.ts";
import { SendEntry } from "./send-scheduler.ts";
import type { SlotHolder } from "./stream-slots.ts";
import { canReceive, canSend, isClosed, STREAM_IDLE, type StreamState } from "./stream-state.ts";

export abstract class Http2Stream implements SlotHolder {
  /** 0 until it is opened. */
  id = 0;
  state: StreamState = STREAM_IDLE;
  slot = 0;
  /** By the connection's clock. */
  openedAtMs = 0;
  readonly receiveWindow = new StreamReceiveWindow();
  readonly sending = new SendEntry<Http2Stream>(this, 0);
  readonly queue = new SendQueue();
  /** What follows the bytes that wait. */
  trailersToSend: HeaderBlock | undefined;
  /** Bytes of body that the peer's message may still have by its Content-Length, or -1. */
  bodyBytesLeft = -1;
  /** On the wire, with the frames around them. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Its source was told to pause although nothing of it waits. Written by StreamSender alone. */
  isStalled = false;
  /** The reader wants no more for now: what comes is held, and not credited. */
  isReadingPaused = false;
  /** Of body that `onData` had and that is not credited: of a frame under way or since a pause, never ahead of it. */
  bytesUncredited = 0;
  #trailers: HeaderBlock | undefined;

  /** For the connection: begins another stream with this object. */
  begin(id: number, state: StreamState, sendWindowBytes: number, nowMs: number): void {
    this.id = id;
    this.state = state;
    this.openedAtMs = nowMs;
    this.sending.reset(sendWindowBytes);
    this.trailersToSend = undefined;
    this.bodyBytesLeft = -1;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.isReadingPaused = false;
  }

  /** Where the peer's trailers are decoded to: most messages have none. */
  get receivedTrailers(): HeaderBlock {
    this.#trailers ??= new HeaderBlock(nextRoom());
    return this.#trailers;
  }

  get canSend(): boolean {
    return canSend(this.state);
  }

  get canReceive(): boolean {
    return canReceive(this.state);
  }

  get isClosed(): boolean {
    return isClosed(this.state);
  }

  /** Part of the peer's body. Valid during the call. */
  abstract onData(bytes: Buffer, start: number, end: number): void;
  /** The peer's message is complete. Trailers are valid during the call. */
  abstract onEnd(trailers: HeaderBlock | undefined): void;
  /** Room again after a `sendData` that returned false. */
  abstract onSendDrain(): void;
  /** The peer reset the stream; `code` is any 32-bit number. */
  abstract onPeerReset(code: number): void;
  /** The peer broke the protocol on this stream, which was reset for it. `reason` is a sentence for logs. */
  abstract onMalformed(reason: string): void;
  /** The connection is gone. */
  abstract onLost(reason: string): void;
  /** The last call for this stream: it is closed both ways. The object may be used again from now on. */
  abstract onClosed(): void;
}

/** A copy that lives until the bytes before it have been sent. */
export function keptTrailers(trailers: HeaderBlock): HeaderBlock {
  const kept = new HeaderBlock();
  trailers.forEach((name, value) => {
    kept.add(new HeaderField(new HeaderName(name), value));
  });
  return kept;
}
