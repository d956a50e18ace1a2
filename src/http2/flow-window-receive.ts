/**
 * The windows that we grant to the peer (RFC 9113 section 6.9), all accounts of one connection in one
 * place. Each byte received is held until it is passed on, then pending until a WINDOW_UPDATE returns it:
 *
 *   size = available (the peer may send it) + held (we have it) + pending (passed on, not yet returned)
 *
 * - Credit follows the reader: a stream that stalls holds its own window and no more.
 * - All streams together are never promised more than the connection's window, so stalled ones can hold
 *   every byte they may and others still have theirs. With the defaults of hyper, Go's server and Envoy
 *   one or two stalled streams use up the connection.
 * - A stream's window doubles each time a reader that keeps up has emptied half of it, out of what the
 *   connection has left, and shrinks when the reader falls behind. hyper and Linkerd time a PING for the
 *   bandwidth-delay product; but a promise that is not used costs nothing, so there is nothing to time.
 * - WINDOW_UPDATE goes out for half of a window, as in nghttp2: fewer and the sender would run dry, more
 *   and frames are wasted. Bodies below half of a stream's window need none.
 */
import { assert } from "../core/assert.ts";
import {
  CONCURRENT_STREAMS_MAX,
  CONNECTION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  STREAM_WINDOW_GROWN_BYTES_MAX,
} from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
import { INITIAL_WINDOW_BYTES } from "./flow-window.ts";
import { connectionError, RECEIPT_FINE, streamError } from "./stream-state.ts";

/** The receive window of one stream. Embedded in the stream; only ReceiveWindows changes it. */
export class StreamReceiveWindow {
  size = 0;
  available = 0;
  held = 0;
  pending = 0;
  /** Of the connection's spare bytes, what this stream may use beyond a first window. */
  grown = 0;
  /** More than a first window waited for the reader since the last credit. */
  isReaderSlow = false;
}

export interface ReceiveWindowSizes {
  /** SETTINGS_MAX_CONCURRENT_STREAMS that we announce, or the most streams that we open. */
  readonly streamsMax: number;
  /** SETTINGS_INITIAL_WINDOW_SIZE that we announce, not below the RFC's: so it needs no acknowledgement. */
  readonly streamBytes: number;
  readonly streamBytesMax: number;
  /** Below `streamsMax * streamBytes`, streams that stall together may block others. */
  readonly connectionBytes: number;
}

const DEFAULT_SIZES: ReceiveWindowSizes = {
  streamsMax: CONCURRENT_STREAMS_MAX,
  streamBytes: STREAM_WINDOW_BYTES,
  streamBytesMax: STREAM_WINDOW_GROWN_BYTES_MAX,
  connectionBytes: CONNECTION_WINDOW_BYTES,
};

export class ReceiveWindows {
  readonly #sizes: ReceiveWindowSizes;
  /** What streams may grow by, together. */
  #spare: number;
  #available = INITIAL_WINDOW_BYTES;
  #held = 0;
  #pending: number;

  constructor(sizes: ReceiveWindowSizes = DEFAULT_SIZES) {
    this.#sizes = sizes;
    this.#spare = Math.max(0, sizes.connectionBytes - sizes.streamsMax * sizes.streamBytes);
    assert(sizes.streamBytes >= INITIAL_WINDOW_BYTES, "a stream's window is not below the RFC's");
    // Section 6.9.2: the connection's window begins at 65,535 and is opened by WINDOW_UPDATE alone.
    this.#pending = sizes.connectionBytes - INITIAL_WINDOW_BYTES;
  }

  /** Bytes that the peer may send on the whole connection. */
  get available(): number {
    return this.#available;
  }

  /** Bytes of all streams that were received and not passed on. */
  get held(): number {
    return this.#held;
  }

  /** Before the first DATA of a stream. */
  open(window: StreamReceiveWindow): void {
    window.size = this.#sizes.streamBytes;
    window.available = window.size;
  }

  /**
   * A DATA frame came; `count` is its whole payload, padding included (section 6.1). RECEIPT_FINE, or
   * FLOW_CONTROL_ERROR of the stream or connection when it is more than was granted (section 6.9.1). Of a
   * frame that is dropped, `window` is undefined: its bytes are passed on by this. So are those of a frame
   * with a stream error.
   */
  receive(window: StreamReceiveWindow | undefined, count: number): number {
    if (count > this.#available) return connectionError(ERROR_CODE.flowControlError);
    this.#available -= count;
    if (window === undefined || count > window.available) {
      this.#pending += count;
      return window === undefined ? RECEIPT_FINE : streamError(ERROR_CODE.flowControlError);
    }
    this.#held += count;
    window.available -= count;
    window.held += count;
    if (window.held > this.#sizes.streamBytes) window.isReaderSlow = true;
    return RECEIPT_FINE;
  }

  /** Bytes of a stream were taken by their reader, or were padding. Not more than it holds. */
  pass(window: StreamReceiveWindow, count: number): void {
    assert(count <= window.held, "bytes are passed on once");
    window.held -= count;
    this.#held -= count;
    this.#pending += count;
    // A stream that has ended gets no more credit.
    if (window.size > 0) window.pending += count;
    else this.#giveBackGrown(window);
  }

  /** END_STREAM came: the stream's window is of no use any more. What it holds is still to be passed on. */
  end(window: StreamReceiveWindow): void {
    window.size = 0;
    window.available = 0;
    window.pending = 0;
    this.#giveBackGrown(window);
  }

  /** The stream is gone. What it held is credited to the connection, read or not. */
  close(window: StreamReceiveWindow): void {
    this.end(window);
    this.#held -= window.held;
    this.#pending += window.held;
    window.held = 0;
    this.#giveBackGrown(window);
  }

  /**
   * The increment of a WINDOW_UPDATE that is due for the connection, or 0. To be sent: it counts as granted.
   * To be asked after each `receive` and `pass`: it is due for half of what no stream holds. With half of
   * the whole window, or asked only when bytes are passed on, streams that hold the rest and stall would
   * keep it from ever being due.
   */
  takeIncrement(): number {
    if (this.#pending < this.#available || this.#pending === 0) return 0;
    const increment = this.#pending;
    this.#available += increment;
    this.#pending = 0;
    return increment;
  }

  /** The increment of a WINDOW_UPDATE that is due for a stream, or 0. To be sent: it counts as granted. */
  takeStreamIncrement(window: StreamReceiveWindow): number {
    if (window.pending * 2 < window.size || window.pending === 0) return 0;
    if (window.isReaderSlow) this.#shrink(window);
    else if (window.held === 0) this.#grow(window);
    window.isReaderSlow = false;
    const increment = window.pending;
    window.available += increment;
    window.pending = 0;
    return increment;
  }

  #grow(window: StreamReceiveWindow): void {
    const growth = Math.min(window.size, this.#sizes.streamBytesMax - window.size, this.#spare);
    if (growth <= 0) return;
    window.size += growth;
    window.grown += growth;
    window.pending += growth;
    this.#spare -= growth;
  }

  /** By withholding credit: a window that was granted cannot be taken back. */
  #shrink(window: StreamReceiveWindow): void {
    const excess = Math.min(window.size - this.#sizes.streamBytes, window.pending);
    window.size -= excess;
    window.grown -= excess;
    window.pending -= excess;
    this.#spare += excess;
  }

  /** Of a stream that has ended: what others grow by must not be bytes that are still held for its reader. */
  #giveBackGrown(window: StreamReceiveWindow): void {
    const kept = Math.max(0, window.held - this.#sizes.streamBytes);
    if (window.grown <= kept) return;
    this.#spare += window.grown - kept;
    window.grown = kept;
  }
}
