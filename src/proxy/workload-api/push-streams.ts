/**
 * Open streams that are told of every change. Each waits a moment of its own choice, so that all apps of a machine do not
 * begin handshakes at once; several changes within it become one message.
 */
import type { Clock, Timer } from "../../core/clock.ts";
import { WORKLOAD_API_STREAMS_MAX } from "../../core/limits.ts";
import type { Prng } from "../../core/prng.ts";

const JITTER_MS_MAX = 500;

export interface PushStream {
  /** Something has changed. */
  send(): void;
  /** This process serves no more. */
  end(): void;
}

export class PushStreams {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #streams = new Map<PushStream, Timer | undefined>();

  constructor(clock: Clock, prng: Prng) {
    this.#clock = clock;
    this.#prng = prng;
  }

  get count(): number {
    return this.#streams.size;
  }

  get isFull(): boolean {
    return this.#streams.size >= WORKLOAD_API_STREAMS_MAX;
  }

  /** Told of changes until the function that is returned is called. */
  add(stream: PushStream): () => void {
    this.#streams.set(stream, undefined);
    return () => {
      this.#streams.get(stream)?.cancel();
      this.#streams.delete(stream);
    };
  }

  changed(): void {
    for (const [stream, waiting] of this.#streams) {
      if (waiting !== undefined) continue;
      const timer = this.#clock.schedule(JITTER_MS_MAX * this.#prng.next(), () => {
        this.#streams.set(stream, undefined);
        stream.send();
      });
      this.#streams.set(stream, timer);
    }
  }

  stop(): void {
    for (const stream of [...this.#streams.keys()]) stream.end();
  }
}
