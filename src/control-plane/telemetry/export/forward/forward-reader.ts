/** What the other side of a forward connection says, one value after the other, to whoever waits for it. */
import type { Socket } from "node:net";
import { unpackMessage } from "./message-unpack.ts";

/** HELO, PONG and acknowledgements are small. */
const UNREAD_BYTES_MAX = 64 * 1024;

export class ForwardReader {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  readonly #values: unknown[] = [];
  #waiting: { resolve(value: unknown): void; reject(error: Error): void } | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(new Error("the connection was closed")));
  }

  /** Rejects when the connection ends before, or the time is over: then the connection is of no use any more. */
  async next(signal: AbortSignal): Promise<unknown> {
    if (this.#values.length > 0) return this.#values.shift();
    if (this.#ended !== undefined) throw this.#ended;
    return await new Promise((resolve, reject) => {
      const aborted = (): void => {
        const { reason } = signal;
        this.#socket.destroy(reason instanceof Error ? reason : new Error("it took too long"));
      };
      const settle = (): void => {
        signal.removeEventListener("abort", aborted);
        this.#waiting = undefined;
      };
      this.#waiting = {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal.addEventListener("abort", aborted);
      if (signal.aborted) aborted();
    });
  }

  #read(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const found = unpackMessage(this.#bytes);
      if (found.kind === "malformed" || this.#bytes.length > UNREAD_BYTES_MAX) {
        this.#socket.destroy(new Error("it answers with what is no MessagePack of this protocol"));
        return;
      }
      if (found.kind === "more") return;
      this.#bytes = this.#bytes.subarray(found.end);
      // Nil keeps a connection alive and means nothing.
      if (found.value !== null) this.#give(found.value);
    }
  }

  #give(value: unknown): void {
    if (this.#waiting === undefined) this.#values.push(value);
    else this.#waiting.resolve(value);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
  }
}
