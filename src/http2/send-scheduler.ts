/**
 * Which stream of a connection may send DATA next: all that have bytes and window, in turn, one quantum
 * each. RFC 9113 section 5.3 ignores the priorities of RFC 7540. Streams without window are in no list,
 * so they cost and block nothing. Lists are threaded through the entries: a turn allocates nothing.
 *
 *   queue ──► ready: entry <-> entry <-> entry      bytes and window; served at the front, back to the end
 *   end   ──► ends:  entry <-> entry                nothing but END_STREAM or trailers: needs no window
 *             (no list)                             nothing to send, or stalled until a window opens
 */
import { assert } from "../core/assert.ts";
import {
  CONNECTION_SEND_BYTES_MAX,
  SEND_QUANTUM_BYTES,
  STREAM_SEND_BYTES_MAX,
  STREAM_SEND_LOW_BYTES,
} from "../core/limits.ts";
import { SendWindow } from "./flow-window.ts";

/** A stream's part of the scheduler, and its window. The stream keeps its bytes itself; here they are counted. */
export class SendEntry<Stream> extends SendWindow {
  readonly stream: Stream;
  /** Bytes that wait. */
  queuedBytes = 0;
  /** END_STREAM or trailers follow the bytes that wait. */
  isEnding = false;
  /** Its source was told to pause. */
  isPaused = false;
  /** What the last `next` granted: so many bytes, to be sent in one DATA frame. */
  grantedBytes = 0;
  /** They are the last: END_STREAM goes with them, or trailers behind them. */
  isGrantLast = false;
  /** The source that was paused may go on after them. */
  isGrantDrain = false;
  /** The list it is in, and its neighbours there. Written by the scheduler alone. */
  list: EntryList<Stream> | undefined = undefined;
  next: SendEntry<Stream> | undefined = undefined;
  previous: SendEntry<Stream> | undefined = undefined;

  constructor(stream: Stream, windowBytes: number) {
    super(windowBytes);
    this.stream = stream;
  }
}

export class SendScheduler<Stream> {
  readonly #window: SendWindow;
  readonly #ready = new EntryList<Stream>();
  readonly #ends = new EntryList<Stream>();
  #queuedBytes = 0;

  /** `window` is the connection's, which every grant consumes too. */
  constructor(window: SendWindow) {
    this.#window = window;
  }

  /** Bytes that wait in all streams. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether `next` has something to grant, unless SETTINGS has just closed the windows of all that wait. */
  get isReady(): boolean {
    return (
      this.#ends.first !== undefined || (this.#window.bytes > 0 && this.#ready.first !== undefined)
    );
  }

  /**
   * The short way: how many of `count` bytes may be sent at once, without waiting. They are not queued,
   * so they need no copy. None while other streams wait for their turn.
   */
  grantNow(entry: SendEntry<Stream>, count: number): number {
    if (this.#ready.first !== undefined || entry.queuedBytes > 0) return 0;
    const granted = Math.min(count, entry.bytes, this.#window.bytes);
    if (granted <= 0) return 0;
    entry.consume(granted);
    this.#window.consume(granted);
    return granted;
  }

  /**
   * Bytes wait for their turn. They are taken in any case; false says that the source is to pause, until
   * a grant with `isGrantDrain`. A stream whose window is open gets that even while stalled ones fill the
   * connection's share: it then goes on one piece at a time.
   */
  queue(entry: SendEntry<Stream>, count: number): boolean {
    assert(!entry.isEnding, "nothing is sent after the end");
    if (count === 0) return !entry.isPaused;
    entry.queuedBytes += count;
    this.#queuedBytes += count;
    this.windowOpened(entry);
    if (
      entry.queuedBytes >= STREAM_SEND_BYTES_MAX ||
      this.#queuedBytes >= CONNECTION_SEND_BYTES_MAX
    ) {
      entry.isPaused = true;
    }
    return !entry.isPaused;
  }

  /** The stream ends after the bytes that wait. */
  end(entry: SendEntry<Stream>): void {
    assert(!entry.isEnding, "a stream ends once");
    entry.isEnding = true;
    if (entry.queuedBytes === 0) this.#ends.push(entry);
  }

  /** After WINDOW_UPDATE or SETTINGS made a stream's window larger. For the connection's own, call `next`. */
  windowOpened(entry: SendEntry<Stream>): void {
    if (entry.list !== undefined || entry.queuedBytes === 0 || entry.bytes <= 0) return;
    this.#ready.push(entry);
  }

  /** The stream is gone: its bytes are dropped. Returns how many. */
  remove(entry: SendEntry<Stream>): number {
    entry.list?.remove(entry);
    const dropped = entry.queuedBytes;
    this.#queuedBytes -= dropped;
    entry.queuedBytes = 0;
    entry.isEnding = false;
    entry.isPaused = false;
    return dropped;
  }

  /** The entry whose turn it is, its grant filled in and its windows consumed; undefined when none can send. */
  next(): SendEntry<Stream> | undefined {
    const ending = this.#ends.first;
    if (ending !== undefined) {
      // Section 6.9: frames without payload and HEADERS are not subject to flow control.
      this.#ends.remove(ending);
      return this.#grant(ending, 0);
    }
    while (this.#window.bytes > 0) {
      const entry = this.#ready.first;
      if (entry === undefined) return undefined;
      this.#ready.remove(entry);
      const open = Math.min(entry.bytes, this.#window.bytes, SEND_QUANTUM_BYTES);
      // Section 6.9.2: SETTINGS may have closed a window since the entry was ready. It stalls.
      if (open <= 0) continue;
      this.#grant(entry, Math.min(entry.queuedBytes, open));
      this.windowOpened(entry);
      return entry;
    }
    return undefined;
  }

  #grant(entry: SendEntry<Stream>, count: number): SendEntry<Stream> {
    entry.consume(count);
    this.#window.consume(count);
    entry.queuedBytes -= count;
    this.#queuedBytes -= count;
    entry.grantedBytes = count;
    entry.isGrantLast = entry.isEnding && entry.queuedBytes === 0;
    // While stalled streams fill the connection's share, a source goes on when all it sent has left.
    const low = this.#queuedBytes >= CONNECTION_SEND_BYTES_MAX ? 0 : STREAM_SEND_LOW_BYTES;
    entry.isGrantDrain = entry.isPaused && entry.queuedBytes <= low;
    if (entry.isGrantDrain) entry.isPaused = false;
    return entry;
  }
}

class EntryList<Stream> {
  first: SendEntry<Stream> | undefined = undefined;
  last: SendEntry<Stream> | undefined = undefined;

  push(entry: SendEntry<Stream>): void {
    entry.list = this;
    entry.previous = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
  }

  remove(entry: SendEntry<Stream>): void {
    if (entry.previous === undefined) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.list = undefined;
    entry.next = undefined;
    entry.previous = undefined;
  }
}
