/**
 * The client side of one bidirectional gRPC stream of bytes that is opened again, after a pause with full
 * jitter, whenever it ends for whatever reason. Each attempt uses a new channel, and so the newest certificate.
 */
import { type Client, type ClientDuplexStream, Metadata, type StatusObject } from "@grpc/grpc-js";
import { Backoff } from "../core/backoff.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Prng } from "../core/prng.ts";
import type { GrpcClientFactory } from "./channel-options.ts";
import { asIs, toBuffer } from "./grpc-bytes.ts";
import { RECONNECT_BASE_MS, RECONNECT_MAX_MS } from "./limits.ts";

export interface ReconnectingStreamOptions {
  /** Full gRPC method path. */
  readonly path: string;
  readonly createClient: GrpcClientFactory;
  readonly clock: Clock;
  readonly prng: Prng;
  /** A new stream takes messages; it may still turn out that nobody is there. */
  readonly onOpen: () => void;
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The stream ended, or could not be opened. Another attempt follows. */
  readonly onClose: (reason: string) => void;
}

interface OpenStream {
  readonly client: Client;
  readonly call: ClientDuplexStream<Uint8Array, Uint8Array>;
}

export class ReconnectingStream {
  readonly #options: ReconnectingStreamOptions;
  readonly #backoff: Backoff;
  #isRunning = false;
  #isHeld = false;
  #open: OpenStream | undefined;
  #timer: Timer | undefined;
  #attempts = 0;

  constructor(options: ReconnectingStreamOptions) {
    this.#options = options;
    const { prng } = options;
    this.#backoff = new Backoff({ baseMs: RECONNECT_BASE_MS, maxMs: RECONNECT_MAX_MS, prng });
  }

  get attempts(): number {
    return this.#attempts;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#connect();
  }

  /** Ends the stream for good. `onClose` is not called. */
  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    const open = this.#open;
    this.#open = undefined;
    open?.call.end();
    open?.client.close();
  }

  /** The stream that is open goes on; when it ends no other is opened until `resume`. */
  hold(): void {
    this.#isHeld = true;
    this.#timer?.cancel();
  }

  resume(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#isRunning && this.#open === undefined) this.#connect();
  }

  /** Something has changed for the better: the pause before the next attempt, if it is one now, is over. */
  hurry(): void {
    if (!this.#isRunning || this.#isHeld || this.#open !== undefined) return;
    this.#timer?.cancel();
    this.#backoff.reset();
    this.#connect();
  }

  /** Dropped when no stream is open: what is to be said again on the next one is the owner's business. */
  send(bytes: Uint8Array): void {
    this.#open?.call.write(bytes);
  }

  #connect(): void {
    this.#attempts += 1;
    let open: OpenStream;
    try {
      const client = this.#options.createClient();
      const { path } = this.#options;
      const call = client.makeBidiStreamRequest(path, toBuffer, asIs, new Metadata());
      open = { client, call };
    } catch (error) {
      this.#retry(messageOf(error));
      return;
    }
    this.#open = open;
    open.call.on("data", (bytes: Uint8Array) => {
      if (this.#open !== open) return;
      this.#backoff.reset();
      this.#options.onMessage(bytes);
    });
    // The same end is told by `status`, which always comes; without a listener `error` would throw.
    open.call.on("error", () => undefined);
    open.call.on("status", (end: StatusObject) => this.#onEnd(open, end));
    this.#options.onOpen();
  }

  #onEnd(open: OpenStream, end: StatusObject): void {
    if (this.#open !== open) return;
    this.#open = undefined;
    open.client.close();
    this.#retry(end.details === "" ? `stream ended with status ${end.code}` : end.details);
  }

  #retry(reason: string): void {
    if (!this.#isHeld) {
      this.#timer = this.#options.clock.schedule(this.#backoff.nextMs(), () => this.#connect());
    }
    this.#options.onClose(reason);
  }
}
