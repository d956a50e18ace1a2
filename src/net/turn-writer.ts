/**
 * Writes to a socket through its handle: what one turn of the event loop gathers leaves when the turn is
 * over, or when its only read is, in the fewest system calls. One write is under way at a time (a TLS handle
 * takes no second one); the rest waits here. What is gathered, and how, is the business of the classes that
 * extend this one.
 */
import type { Socket } from "node:net";
import { LoneReads } from "./lone-reads.ts";
import { systemError } from "./node-error.ts";
import { Patience } from "./patience.ts";
import {
  handleOf,
  newWriteRequest,
  type StreamHandle,
  type WriteRequest,
  wasWriteAsync,
} from "./stream-handle.ts";

/** Gathered bytes beyond this leave at once; while the system does not take them, the writer is blocked. */
const GATHERED_BYTES_MAX = 64 * 1024;

/**
 * Writers whose turn has come. The array only grows, because emptying it costs as much as a small message:
 * places behind `#count` hold nothing.
 */
class DueWriters {
  readonly #writers: (TurnWriter | undefined)[] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add(writer: TurnWriter): void {
    this.#writers[this.#count] = writer;
    this.#count += 1;
  }

  /** Writers that join meanwhile are flushed, too. */
  flush(): void {
    const writers = this.#writers;
    for (let i = 0; i < this.#count; i++) {
      writers[i]!.flush();
      writers[i] = undefined;
    }
    this.#count = 0;
  }

  /** Behind a look at the sockets. Flushes those that have nothing more to wait for. */
  flushImpatient(): void {
    const nowMs = performance.now();
    const writers = this.#writers;
    let kept = 0;
    for (let i = 0; i < this.#count; i++) {
      const writer = writers[i]!;
      writers[i] = undefined;
      if (writer.goesOnWaiting(nowMs)) {
        writers[kept] = writer;
        kept += 1;
      } else writer.flush();
    }
    this.#count = kept;
  }
}

/** Writers that have gathered something in this turn, those that go before them, and those that wait for two more to end. */
const due = new DueWriters();
const dueFirst = new DueWriters();
const dueLater = new DueWriters();
const loneReads = new LoneReads();
/** A read is under way that is taken for the turn's only one, and whether it has gathered anything. */
let isReadAlone = false;
let hasReadGathered = false;
let isTurnEndDue = false;

/** For readers: the callback of a read begins. `endRead` must follow. */
export function beginRead(): void {
  isReadAlone = loneReads.isNextAlone();
}

export function endRead(): void {
  if (!isReadAlone) return;
  isReadAlone = false;
  if (!hasReadGathered) return;
  hasReadGathered = false;
  flushDue();
}

/** One callback for all: each costs as much as a small message. */
function endTurn(): void {
  isTurnEndDue = false;
  loneReads.onTurnEnd();
  flushDue();
}

function flushDue(): void {
  dueFirst.flush();
  if (!dueLater.isEmpty) {
    dueLater.flushImpatient();
    if (!dueLater.isEmpty) callAtTurnEnd();
  }
  due.flush();
}

function callAtTurnEnd(): void {
  if (isTurnEndDue) return;
  if (isReadAlone) {
    hasReadGathered = true;
    return;
  }
  isTurnEndDue = true;
  setImmediate(endTurn);
}

export abstract class TurnWriter {
  /**
   * Whether what is gathered waits for further looks at the sockets, which do not block: messages that have
   * arrived by then share the write. For connections that carry messages of many others, as long as more may come.
   */
  isPatient = false;
  /** Whether it leaves before the turn's others: upstreams work on requests while answers are written, and wake up once for several. */
  goesFirst = false;
  /** For those that are patient now and then. */
  #patience: Patience | undefined;
  readonly #socket: Socket;
  /** The socket's: to look at the socket for it costs. It fails by itself when it is closed. */
  readonly #handle: StreamHandle | undefined;
  readonly #onDrain: () => void;
  /** For the next write. */
  #request: WriteRequest | undefined;
  /** Of a write that was not done at once, up to the end of its `oncomplete`; then it is used again. */
  #lastRequest: WriteRequest | undefined;
  #bytesGathered = 0;
  #bytesUnderWay = 0;
  #onEnded: (() => void) | undefined;
  #isDue = false;
  /** Too much waits: what can wait is not to be given until `onDrain`. */
  isBlocked = false;
  /** Bytes given to this writer so far, those not yet flushed included. */
  bytesWritten = 0;

  /** `onDrain` must not throw. */
  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    this.#handle = handleOf(socket);
    this.#onDrain = onDrain;
  }

  /** The system has taken what earlier turns gave. */
  get isFlushed(): boolean {
    return this.#bytesUnderWay === 0;
  }

  /** Bytes that have not been taken by the kernel, or by TLS. */
  get unsentBytes(): number {
    return this.#bytesGathered + this.#bytesUnderWay;
  }

  /** Bytes that no write has begun with: it is certain that they have not left. */
  get gatheredBytes(): number {
    return this.#bytesGathered;
  }

  /** Happens by itself at the end of the turn. */
  flush(): void {
    this.#isDue = false;
    if (this.#bytesGathered === 0 || this.#bytesUnderWay > 0) return;
    const handle = this.#handle;
    // The owner hears of the end from the socket.
    if (handle === undefined) return;
    this.#request ??= newWriteRequest(this.#onWritten);
    const request = this.#request;
    this.#bytesUnderWay = this.#bytesGathered;
    this.#bytesGathered = 0;
    const error = this.write(handle, request);
    if (error !== 0) this.#fail(error);
    else if (wasWriteAsync()) {
      this.#request = this.#lastRequest;
      this.#lastRequest = request;
    } else this.#onWriteDone();
  }

  /** Behind a look at the sockets, for a writer that waits for what they bring. */
  goesOnWaiting(nowMs: number): boolean {
    // What it had may have left at once, for its size.
    if (this.#bytesGathered === 0) return false;
    const isOver = this.#patience?.isOver(this.#bytesGathered, nowMs) ?? true;
    return this.isPatient && !isOver;
  }

  /** Sends the connection's end behind all that was given; `onEnded` comes when it has left. */
  end(onEnded: () => void): void {
    this.#onEnded = onEnded;
    this.flush();
    if (this.unsentBytes === 0) this.#socket.end(onEnded);
  }

  /** Gives everything that is gathered to the handle. Returns its error number. */
  protected abstract write(handle: StreamHandle, request: WriteRequest): number;

  /** The runtime has taken what `write` gave. */
  protected abstract onTaken(): void;

  protected onGathered(bytes: number): void {
    this.bytesWritten += bytes;
    this.#bytesGathered += bytes;
    if (!this.#isDue) {
      this.#isDue = true;
      if (this.isPatient) this.#wait();
      else (this.goesFirst ? dueFirst : due).add(this);
      callAtTurnEnd();
    }
    if (this.#bytesGathered < GATHERED_BYTES_MAX) return;
    this.flush();
    this.isBlocked = this.#bytesGathered >= GATHERED_BYTES_MAX;
  }

  #wait(): void {
    this.#patience ??= new Patience();
    this.#patience.begin();
    dueLater.add(this);
  }

  readonly #onWritten = (status: number): void => {
    if (status !== 0) {
      this.#fail(status);
      return;
    }
    this.#onWriteDone();
    this.flush();
    if (this.isBlocked && this.#bytesGathered === 0) {
      this.isBlocked = false;
      this.#onDrain();
    }
    if (this.#onEnded !== undefined && this.unsentBytes === 0) this.#socket.end(this.#onEnded);
  };

  #onWriteDone(): void {
    this.#bytesUnderWay = 0;
    this.onTaken();
  }

  /** Behind a failure it is not sure who still looks at the memory: it is forgotten. */
  #fail(status: number): void {
    if (!this.#socket.destroyed) this.#socket.destroy(systemError(status));
  }
}
