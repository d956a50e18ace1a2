/**
 * Writes log lines to a file or standard output in batches. A sink that is slow or broken never slows
 * traffic: lines beyond the bound are dropped and counted.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import type { Clock, Timer } from "../core/clock.ts";

/** Text waiting to be written. */
const PENDING_LENGTH_MAX = 1024 * 1024;
const BATCH_LENGTH = 16 * 1024;
const FLUSH_INTERVAL_MS = 1_000;

export class LineWriter {
  readonly #stream: WriteStream | NodeJS.WriteStream;
  readonly #clock: Clock;
  #pending = "";
  #timer: Timer | undefined;
  #isBroken = false;
  dropped = 0;

  /** `/dev/stdout` and `/dev/stderr` mean this process's own, whatever they are. */
  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    if (path === "/dev/stdout") this.#stream = process.stdout;
    else if (path === "/dev/stderr") this.#stream = process.stderr;
    else this.#stream = createWriteStream(path, { flags: "a" });
    this.#stream.on("error", () => {
      this.#isBroken = true;
    });
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
    this.#stream.write(this.#pending);
    this.#pending = "";
  }
}
