/** A secret that stands in a file of its own. It is read again when the file changes, and never told. */
import { readFileSync } from "node:fs";
import { CertificateFiles } from "../certificate-files.ts";

const LENGTH_MAX = 4096;

export class SecretFile {
  readonly #path: string;
  readonly #files: CertificateFiles;
  #text: string | undefined;

  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#files = CertificateFiles.watch([path], nowMs);
    this.#text = this.#read();
  }

  /** Without spaces around it; undefined while there is none. A file that breaks later leaves what was there. */
  get text(): string | undefined {
    if (this.#files.haveChanged()) this.#text = this.#read() ?? this.#text;
    return this.#text;
  }

  #read(): string | undefined {
    try {
      const text = readFileSync(this.#path, "utf8").trim();
      return text === "" || text.length > LENGTH_MAX ? undefined : text;
    } catch {
      return undefined;
    }
  }
}
