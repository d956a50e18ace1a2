/**
 * Writes log lines to a file or standard output in batches. A sink that is slow or broken never slows
 * traffic: lines beyond the bound are dropped and counted.
 */
import { createWriteStream, fstat, stat, type WriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { Clock, Timer } from "../core/clock.ts";

/** Text waiting to be written. */
const PENDING_LENGTH_MAX = 1024 * 1024;
/** Each batch costs a system call and a copy: some seventy lines of a kilobyte. */
const BATCH_LENGTH = 64 * 1024;
const FLUSH_INTERVAL_MS = 1_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** How often it is looked whether the file was taken away, as `logrotate` does. */
const ROTATION_CHECK_MS = 10_000;

export class LineWriter {
  #stream: Writable;
  /** Of a file that may be rotated. */
  readonly #path: string | undefined;
  #checkedMs: number;
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
    this.#path = typeof target === "string" && isFile(target) ? target : undefined;
    this.#checkedMs = clock.monotonicMs();
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
    if (this.#path !== undefined) this.#followRotation(this.#path);
  }

  /** A file under the path that is not the open one, or none, means that the open one was rotated. */
  #followRotation(path: string): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#checkedMs < ROTATION_CHECK_MS) return;
    const stream = this.#stream as WriteStream & { readonly fd: number | null };
    const { fd } = stream;
    if (typeof fd !== "number") return;
    this.#checkedMs = nowMs;
    fstat(fd, (openError, open) => {
      if (openError !== null) return;
      stat(path, (error, found) => {
        if (this.#stream !== stream || stream.closed) return;
        const isSame = error === null && found.ino === open.ino && found.dev === open.dev;
        if (!isSame) this.#reopen(path);
      });
    });
  }

  #reopen(path: string): void {
    const old = this.#stream;
    this.#stream = createWriteStream(path, { flags: "a" });
    this.#stream.on("error", this.#onError);
    // What it still holds goes where it was meant to go.
    old.end();
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

function isFile(path: string): boolean {
  return !path.startsWith("/dev/");
}

function openTarget(path: string): Writable {
  if (path === "/dev/stdout") return process.stdout;
  if (path === "/dev/stderr") return process.stderr;
  return createWriteStream(path, { flags: "a" });
}
