/**
 * The files of a certificate that the configuration names by path. Whoever renews it writes them anew, and handshakes
 * from then on show the new one: the files are looked at when somebody connects, and not more than once a second.
 */
import { statSync } from "node:fs";
import type { CertificateSource } from "./config/tls-settings.ts";

const LOOK_INTERVAL_MS = 1_000;

export class CertificateFiles {
  readonly #paths: readonly string[];
  readonly #nowMs: () => number;
  #lookedAtMs: number;
  #state: string;

  private constructor(paths: readonly string[], nowMs: () => number) {
    this.#paths = paths;
    this.#nowMs = nowMs;
    this.#lookedAtMs = nowMs();
    this.#state = this.#read();
  }

  /** Undefined where all of it stands in the configuration itself. */
  static of(source: CertificateSource, nowMs: () => number): CertificateFiles | undefined {
    const paths = [source.chain, source.key].flatMap((one) =>
      one.kind === "file" ? one.path : [],
    );
    return paths.length === 0 ? undefined : new CertificateFiles(paths, nowMs);
  }

  static watch(paths: readonly string[], nowMs: () => number): CertificateFiles {
    return new CertificateFiles(paths, nowMs);
  }

  /** Whether they are others than when this was last asked. */
  haveChanged(): boolean {
    const nowMs = this.#nowMs();
    // A clock that was set back must not keep an old certificate for ever.
    if (Math.abs(nowMs - this.#lookedAtMs) < LOOK_INTERVAL_MS) return false;
    this.#lookedAtMs = nowMs;
    const state = this.#read();
    if (state === this.#state) return false;
    this.#state = state;
    return true;
  }

  /** A file that is being replaced may be missing for a moment: it counts once it is there. */
  #read(): string {
    return this.#paths
      .map((path) => {
        const stats = statSync(path, { throwIfNoEntry: false });
        return stats === undefined ? "" : `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
      })
      .join("\n");
  }
}
