/**
 * Signs with a pair that lies in files: an intermediate under a root that somebody else keeps. The files are read again
 * when their folders change and, since such events get lost, every minute; what is refused leaves the last good pair
 * in force.
 */
import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Clock, Timer } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Certificate } from "../certificate.ts";
import { readKeyFile } from "../state-files.ts";
import { type CertificateIssuer, issuerFailed, type SignRequest } from "./certificate-issuer.ts";
import { SigningPair } from "./signing-pair.ts";

const REREAD_MS = 60_000;
/** Certificate and key are written one after the other: a moment later both are there. */
const SETTLE_MS = 200;

export interface FileIssuerOptions {
  readonly trustDomain: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly rootsFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class FileIssuer implements CertificateIssuer {
  readonly kind = "file";
  readonly place: string;
  readonly #options: FileIssuerOptions;
  readonly #listeners: (() => void)[] = [];
  #watchers: readonly FSWatcher[] = [];
  #timer: Timer | undefined;
  #pair: SigningPair | undefined;
  #hash = "";
  #finding: string | undefined;
  #isClosed = false;

  constructor(options: FileIssuerOptions) {
    this.#options = options;
    this.place = options.certificateFile;
  }

  get roots(): readonly Certificate[] {
    // The one that signs first: it is the one in force.
    const pair = this.#pair;
    if (pair === undefined) return [];
    return [pair.root, ...pair.bundle.roots.filter((root) => root !== pair.root)];
  }

  get notAfterMs(): number | undefined {
    return this.#pair?.notAfterMs;
  }

  get finding(): string | undefined {
    return this.#finding;
  }

  async open(): Promise<void> {
    this.#read();
    if (this.#pair === undefined) {
      throw issuerFailed(this.#finding ?? "there is no pair", false);
    }
    const { certificateFile, keyFile, rootsFile } = this.#options;
    const folders = new Set([certificateFile, keyFile, rootsFile].map((file) => dirname(file)));
    // Folders, not files: a file that is replaced by another of its name is not watched any more.
    this.#watchers = [...folders].map((folder) => this.#watch(folder));
    this.#readLater(REREAD_MS);
  }

  async sign(request: SignRequest): Promise<readonly Buffer[]> {
    if (this.#pair === undefined) throw issuerFailed("there is no pair", true);
    return this.#pair.issue(request);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(folder: string): FSWatcher {
    const watcher = watch(folder, { persistent: false }, () => this.#readLater(SETTLE_MS));
    // The folder is gone: the next look at the files says so, and finds them when they are back.
    watcher.on("error", () => {});
    return watcher;
  }

  #readLater(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      this.#read();
      this.#readLater(REREAD_MS);
    });
  }

  #read(): void {
    const { trustDomain, certificateFile, keyFile, rootsFile, clock, log } = this.#options;
    try {
      const certificatePem = readFileSync(certificateFile, "utf8");
      const keyPem = readKeyFile(keyFile);
      if (keyPem === undefined) throw issuerFailed(`there is no file ${keyFile}`, false);
      const rootsPem = readFileSync(rootsFile, "utf8");
      const hash = hashOf([certificatePem, keyPem, rootsPem]);
      if (hash === this.#hash && this.#finding === undefined) return;
      const pair = new SigningPair({ trustDomain, certificatePem, keyPem, rootsPem }, clock);
      const isNew = hash !== this.#hash;
      this.#hash = hash;
      this.#pair = pair;
      this.#finding = undefined;
      if (isNew) {
        const notAfter = new Date(pair.notAfterMs).toISOString();
        log.info("the pair of the issuer is in force", { certificate: certificateFile, notAfter });
      }
    } catch (error) {
      const finding = `${certificateFile} and ${keyFile}: ${messageOf(error)}`;
      if (finding === this.#finding) return;
      this.#finding = finding;
      const kept = this.#pair === undefined ? "" : "; the last good pair stays in force";
      log.warn(`the pair of the issuer cannot be used${kept}`, { reason: finding });
    }
    for (const listener of this.#listeners) listener();
  }
}

function hashOf(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length}:${text}`);
  return hash.digest("hex");
}
