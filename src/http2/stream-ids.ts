/**
 * The stream identifiers of one connection (RFC 9113 section 5.1.1): which come next, which are idle, and
 * how the streams that are gone ended. The ends of the newest 128 identifiers are remembered, half a byte each
 * in a ring; older ones are forgotten, and what comes late for them is dropped. All streams are the
 * client's: servers may open some by push alone, which is off.
 */
import { assert } from "../core/assert.ts";
import { CLOSED_STREAMS_REMEMBERED_MAX } from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
import { FRAME_HEADERS, UINT31_MAX } from "./frame.ts";
import {
  type ClosedStreamState,
  connectionError,
  RECEIPT_FINE,
  RECEIPT_IGNORED,
  receiptOf,
  STREAM_FORGOTTEN,
  STREAM_IDLE,
  STREAM_OPEN,
  STREAM_SKIPPED,
  type StreamState,
} from "./stream-state.ts";

/** Which side of the connection this process is. Clients open streams. */
export type ConnectionRole = "client" | "server";

/** A state takes four bits. */
const STATE_MASK = 0xf;

export class StreamIds {
  readonly #isServer: boolean;
  /** States of identifiers, by number of the stream (`id >> 1`) modulo CLOSED_STREAMS_REMEMBERED_MAX: two in a byte. */
  readonly #ends = new Uint8Array(CLOSED_STREAMS_REMEMBERED_MAX / 2);
  #newestId = -1;
  #lastAcceptedId = UINT31_MAX;
  #lastProcessedId = UINT31_MAX;
  #isGoingAway = false;

  constructor(role: ConnectionRole) {
    this.#isServer = role === "server";
  }

  /** The highest identifier opened so far, 0 before the first. What a server's GOAWAY names (section 6.8). */
  get newestId(): number {
    return Math.max(this.#newestId, 0);
  }

  /**
   * What to do with a frame for a stream that the connection has no object for. RECEIPT_FINE for HEADERS
   * on a server: the stream is to be opened, by `open`.
   */
  receiptOf(id: number, frameType: number): number {
    const receipt = receiptOf(this.stateOf(id), frameType);
    if (receipt !== RECEIPT_FINE || frameType !== FRAME_HEADERS) return receipt;
    // Section 5.1.1: clients use odd identifiers; an unexpected one is a connection error. Section 5.1:
    // so are HEADERS for a stream that this side would have to open.
    if (!this.#isServer || (id & 1) === 0) return connectionError(ERROR_CODE.protocolError);
    return id > this.#lastAcceptedId ? RECEIPT_IGNORED : RECEIPT_FINE;
  }

  /** The state of a stream without an object: idle or closed. */
  stateOf(id: number): StreamState {
    if ((id & 1) === 0) return STREAM_IDLE;
    // Section 6.8: what comes on streams above the one that our GOAWAY named is dropped. The peer may
    // have opened them before it read that.
    if (this.#isServer && id > this.#lastAcceptedId) return STREAM_FORGOTTEN;
    if (id > this.#newestId) return STREAM_IDLE;
    if (this.#newestId - id >= CLOSED_STREAMS_REMEMBERED_MAX * 2) return STREAM_FORGOTTEN;
    const place = (id >> 1) % CLOSED_STREAMS_REMEMBERED_MAX;
    const end = ((this.#ends[place >> 1]! >> shiftOf(place)) & STATE_MASK) as StreamState;
    assert(end !== STREAM_OPEN, "an open stream has an object");
    return end;
  }

  /**
   * A stream that the client opened, on a server after RECEIPT_FINE. Idle ones below it are closed by
   * that. One that is refused is opened too, and closed as reset by us.
   */
  open(id: number): void {
    assert((id & 1) === 1 && id > this.#newestId, "identifiers of streams are odd and grow");
    const first = Math.max(this.#newestId + 2, id - 2 * (CLOSED_STREAMS_REMEMBERED_MAX - 1), 1);
    for (let skipped = first; skipped < id; skipped += 2) {
      this.#remember(skipped, STREAM_SKIPPED);
    }
    this.#remember(id, STREAM_OPEN);
    this.#newestId = id;
  }

  /**
   * Opens the client's next stream. Returns 0 when there are no identifiers left, or the server named a
   * last one: then another connection is needed (sections 5.1.1 and 6.8).
   */
  openNext(): number {
    if (!this.hasNext) return 0;
    const id = this.#newestId + 2;
    this.open(id);
    return id;
  }

  /** Whether `openNext` has another identifier. */
  get hasNext(): boolean {
    return this.#newestId + 2 <= UINT31_MAX && !this.#isGoingAway;
  }

  /** How a stream ended. Called again for a closed one that is reset after all; idle ones stay idle. */
  close(id: number, state: ClosedStreamState): void {
    if (this.#newestId - id >= CLOSED_STREAMS_REMEMBERED_MAX * 2 || id > this.#newestId) return;
    this.#remember(id, state);
  }

  /** A server's GOAWAY was sent. The first of two may name 2^31-1, so that requests under way still come. */
  sentGoaway(lastStreamId: number): void {
    this.#lastAcceptedId = Math.min(this.#lastAcceptedId, lastStreamId);
  }

  /**
   * A server's GOAWAY came: the client opens no more, and streams above `lastStreamId` were not processed
   * and may be tried elsewhere. False when it names more than an earlier one did, which section 6.8
   * forbids: a connection error of type PROTOCOL_ERROR.
   */
  receivedGoaway(lastStreamId: number): boolean {
    if (this.#isGoingAway && lastStreamId > this.#lastProcessedId) return false;
    this.#isGoingAway = true;
    this.#lastProcessedId = lastStreamId;
    return true;
  }

  /** Whether the server may have acted on a stream. Always, until its GOAWAY says otherwise. */
  isProcessed(id: number): boolean {
    return id <= this.#lastProcessedId;
  }

  #remember(id: number, state: StreamState): void {
    const place = (id >> 1) % CLOSED_STREAMS_REMEMBERED_MAX;
    const shift = shiftOf(place);
    const other = this.#ends[place >> 1]! & ~(STATE_MASK << shift);
    this.#ends[place >> 1] = other | (state << shift);
  }
}

/** Where in its byte the state at a place begins. */
function shiftOf(place: number): number {
  return (place & 1) << 2;
}
