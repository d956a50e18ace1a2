/** A file that is appended to, and put aside when it is large or old enough: compressed, and the oldest deleted. */
import { createReadStream, createWriteStream } from "node:fs";
import { appendFile, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Clock } from "../../../../core/clock.ts";
import { type ExportTarget, type SendOutcome, TAKEN } from "../export-target.ts";

export interface RotationSettings {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly keep: number;
  readonly isCompressed: boolean;
}

export interface RotatingFileOptions {
  readonly path: string;
  /** Undefined: others rotate it, or nobody. */
  readonly rotation: RotationSettings | undefined;
  readonly clock: Clock;
}

/** Lines with their ends. Several signals may share one: they are written one batch after the other. */
export class RotatingFile implements ExportTarget {
  readonly place: string;
  readonly #options: RotatingFileOptions;
  #writing: Promise<unknown> = Promise.resolve();
  /** When the file was begun, as far as we know. */
  #begunMs: number | undefined;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.place = `file ${options.path}`;
  }

  async send(batch: readonly Buffer[]): Promise<SendOutcome> {
    const writing = this.#writing.then(() => this.#append(Buffer.concat(batch)));
    this.#writing = writing.catch(() => undefined);
    await writing;
    return TAKEN;
  }

  close(): void {}

  async #append(lines: Buffer): Promise<void> {
    const { path, rotation } = this.#options;
    if (rotation !== undefined) await this.#rotateWhenDue(rotation, lines.length);
    // Opened anew each time: a file that was moved away is made again.
    await appendFile(path, lines, { mode: 0o600 });
  }

  async #rotateWhenDue(rotation: RotationSettings, bytes: number): Promise<void> {
    const { path, clock } = this.#options;
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || found.size === 0) {
      this.#begunMs = clock.nowMs();
      return;
    }
    // A restart does not make a file young. Not every file system knows when a file was made.
    this.#begunMs ??= found.birthtimeMs > 0 ? found.birthtimeMs : found.mtimeMs;
    const isOld = clock.nowMs() - this.#begunMs >= rotation.maxAgeMs;
    if (!isOld && found.size + bytes <= rotation.maxBytes) return;
    await this.#rotate(rotation);
    this.#begunMs = clock.nowMs();
  }

  async #rotate({ keep, isCompressed }: RotationSettings): Promise<void> {
    const { path } = this.#options;
    const aside = await this.#freeName();
    await rename(path, aside);
    if (isCompressed && keep > 0) {
      await pipeline(
        createReadStream(aside),
        createGzip(),
        createWriteStream(`${aside}.gz`, { mode: 0o600 }),
      );
      await rm(aside, { force: true });
    }
    const old = (await this.#asides()).toReversed().slice(keep);
    for (const name of old) await rm(join(dirname(path), name), { force: true });
  }

  /** `access.log.20260102T030405.678Z`, in the order of time by name. */
  async #freeName(): Promise<string> {
    const { path, clock } = this.#options;
    const taken = new Set((await this.#asides()).map((name) => name.replace(/\.gz$/, "")));
    for (let ms = clock.nowMs(); ; ms += 1) {
      const time = new Date(ms).toISOString().replaceAll(/[-:]/g, "");
      const name = `${basename(path)}.${time}`;
      if (!taken.has(name)) return join(dirname(path), name);
    }
  }

  /** Names of what was put aside, the oldest first. */
  async #asides(): Promise<readonly string[]> {
    const { path } = this.#options;
    const prefix = `${basename(path)}.`;
    const names = await readdir(dirname(path));
    return names
      .filter(
        (name) =>
          name.startsWith(prefix) && /^\d{8}T\d{6}\.\d{3}Z(\.gz)?$/.test(name.slice(prefix.length)),
      )
      .sort();
  }
}
