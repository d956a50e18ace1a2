/**
 * Writes log lines to a file or standard output in batches. A sink that is slow or broken never slows
 * traffic: lines beyond the bound are dropped and counted.
 */
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Clock, Timer } from "../core/clock.ts";

/** Text waiting to be written. */
const PENDING_LENGTH_MAX = 1024 * 1024;
const BATCH_LENGTH = 16 * 1024;
const FLUSH_INTERVAL_MS = 1_000;
const CLOSE_TIMEOUT_MS = 1_000;

export class LineWriter {
  readonly #stream: Writable;
  readonly #isOwnStream: boolean;
  readonly #clock: Clock;
  readonly #onError: () => void;
  #pending = "";
  #timer: Timer | undefined;
  #isBroken = false;
  /** Lines that were given up. */
  dropped = 0;

  /**
   * `target` is a stream or the path of a file, which is opened to append. `/dev/stdout` and
   * `/dev/stderr` mean this process's own, whatever they are. What cannot be opened drops its lines.
   */
  constructor(target: string | Writable, clock: Clock) {
    this.#clock = clock;
    this.#stream = typeof target === "string" ? openTarget(target) : target;
    this.#isOwnStream = this.#stream !== process.stdout && this.#stream !== process.stderr;
    this.#onError = () => {
      this.#isBroken = true;
    };
    this.#stream.on("error", this.#onError);
  }

  write(line: string): void {
    const waiting = this.#pending.length + this.#stream.writableLength;
    if (this.#isBroken || waiting > PENDING_LENGTH_MAX) {
      this.dropped += 1;
      return;
    }
    this.#pending += line;
    if (this.#pending.length >= BATCH_LENGTH) this.flush();
    else this.#timer ??= this.#clock.schedule(FLUSH_INTERVAL_MS, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#pending === "") return;
    const batch = this.#pending;
    this.#pending = "";
    if (!this.#isBroken) this.#stream.write(batch);
  }

  /**
   * Resolves when every line is with the system, or after a second: a pipe that nobody reads must not
   * keep the process. The process's own streams stay open.
   */
  async close(): Promise<void> {
    this.flush();
    if (!this.#isOwnStream) {
      this.#stream.off("error", this.#onError);
      return;
    }
    const deadline = this.#clock.schedule(CLOSE_TIMEOUT_MS, () => this.#stream.destroy());
    this.#stream.end();
    // An error of the stream has made it drop its lines already.
    await finished(this.#stream).catch(() => {});
    deadline.cancel();
  }
}

function openTarget(path: string): Writable {
  if (path === "/dev/stdout") return process.stdout;
  if (path === "/dev/stderr") return process.stderr;
  return createWriteStream(path, { flags: "a" });
}
