/** The roots that a file holds, read again every minute: for issuers whose answers do not say what to trust. */
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Certificate } from "../../identity/certificate.ts";
import { issuerFailed } from "../../identity/issuers/certificate-issuer.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { parseTrustBundlePem } from "../../identity/trust-bundle.ts";
import { readText } from "./secret-file.ts";

const REREAD_MS = 60_000;

export interface RootsFileOptions {
  readonly trustDomain: string;
  readonly path: string;
  readonly clock: Clock;
  /** After each look at the file: something may have changed. */
  readonly onRead: () => void;
}

export class RootsFile {
  readonly #options: RootsFileOptions;
  #roots: readonly Certificate[] = [];
  #finding: string | undefined;
  #timer: Timer | undefined;

  constructor(options: RootsFileOptions) {
    this.#options = options;
  }

  /** Stays the same array until the file says something else. */
  get roots(): readonly Certificate[] {
    return this.#roots;
  }

  /** Why the file could not be read the last time: what it said before goes on. */
  get finding(): string | undefined {
    return this.#finding;
  }

  /** Throws `issuer-failed`. */
  open(): void {
    this.#roots = this.#read();
    this.#rereadLater();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #read(): readonly Certificate[] {
    const { trustDomain, path } = this.#options;
    const { roots } = parseTrustBundlePem(trustDomain, readText(path));
    if (roots.length === 0) throw issuerFailed(`${path} holds no certificate`, false);
    return roots;
  }

  #rereadLater(): void {
    this.#timer = this.#options.clock.schedule(REREAD_MS, () => {
      try {
        const roots = this.#read();
        if (roots.map(rootIdOf).join() !== this.#roots.map(rootIdOf).join()) this.#roots = roots;
        this.#finding = undefined;
      } catch (error) {
        this.#finding = `the roots cannot be read: ${messageOf(error)}`;
      }
      this.#rereadLater();
      this.#options.onRead();
    });
  }
}
