/**
 * One direction of a TCP connection: what is read from one socket is written to the other. Holds at most
 * what a SocketWriter gathers; a slow receiver stops the reading. Each byte is copied once.
 */
import type { Socket } from "node:net";
import { SocketReader } from "../net/socket-reader.ts";
import { SocketWriter } from "../net/socket-writer.ts";
import type { Counter } from "../telemetry/counter.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";

export interface TcpPumpOwner extends FaultOwner {
  /** Bytes have come, in either direction. */
  onActivity(): void;
  /** Everything up to the sender's end has left. */
  onPumpDone(): void;
}

export interface TcpPumpOptions {
  readonly from: Socket;
  readonly to: Socket;
  /** What was read from `from` before, and stays valid. */
  readonly firstBytes: Buffer | undefined;
  /** Counts the bytes as they come. */
  readonly counter: Counter;
  readonly owner: TcpPumpOwner;
}

export class TcpPump {
  readonly #counter: Counter;
  readonly #owner: TcpPumpOwner;
  readonly #reader: SocketReader;
  readonly #writer: SocketWriter;
  #hasEnded = false;
  /** Bytes that were read. */
  byteCount = 0;
  /** The sender has ended, and all of its bytes and its end have left. */
  isDone = false;

  constructor(options: TcpPumpOptions) {
    const { from, to, firstBytes, owner } = options;
    this.#counter = options.counter;
    this.#owner = owner;
    this.#writer = new SocketWriter(
      to,
      guarded(owner, () => this.#reader.resume()),
    );
    from.on(
      "end",
      guarded(owner, () => this.#onEnd()),
    );
    this.#reader = new SocketReader(from, this, firstBytes);
  }

  /** Bytes that the receiver has not taken. */
  get unsentBytes(): number {
    return this.#writer.unsentBytes;
  }

  /** Gives the kernel what is gathered, without waiting for the end of the turn. */
  flush(): void {
    this.#writer.flush();
  }

  onRead(bytes: Buffer, length: number): boolean {
    try {
      this.byteCount += length;
      this.#counter.value += length;
      this.#owner.onActivity();
      this.#writer.bytes("", bytes, 0, length, "");
      return !this.#writer.isBlocked;
    } catch (error) {
      this.#owner.onFault(error);
      return false;
    }
  }

  /** The sender's end is passed on; the other direction goes on. */
  #onEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#writer.end(
      guarded(this.#owner, () => {
        this.isDone = true;
        this.#owner.onPumpDone();
      }),
    );
  }
}
