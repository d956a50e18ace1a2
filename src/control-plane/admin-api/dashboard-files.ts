/**
 * The files of the dashboard as `scripts/build-dashboard.ts` left them: what there is, how each is cached, and the
 * compressed forms. They are read when somebody first asks, and anew when they were built anew.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** A line of `manifest.json`. */
export interface DashboardFile {
  /** `/assets/main-3KF9A2QX.js`. */
  readonly path: string;
  readonly type: string;
  /** Of the contents. */
  readonly hash: string;
  /** Whether `.br` and `.gz` lie beside it. */
  readonly isCompressed: boolean;
  /** Its name has its hash: what it holds never changes. */
  readonly isImmutable: boolean;
}

export type ContentCoding = "br" | "gzip" | "identity";

export interface ServedFile extends DashboardFile {
  readonly coding: ContentCoding;
  /** Strong, and different for each coding (RFC 9110 section 8.8.3.3). */
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const SUFFIXES: Readonly<Record<ContentCoding, string>> = { br: ".br", gzip: ".gz", identity: "" };

export class DashboardFiles {
  readonly #folder: string;
  #builtMs = 0;
  #listed: ReadonlyMap<string, DashboardFile> = new Map();
  /** By path and coding; as many as there are files, times three. */
  readonly #read = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether there is anything to serve. Looks for a new build. */
  async isBuilt(): Promise<boolean> {
    const manifest = join(this.#folder, "manifest.json");
    const found = await stat(manifest).catch(() => undefined);
    if (found === undefined) return this.#listed.size > 0;
    if (found.mtimeMs === this.#builtMs) return true;
    try {
      const files = JSON.parse(await readFile(manifest, "utf8")) as readonly DashboardFile[];
      this.#listed = new Map(files.map((file) => [file.path, file]));
      this.#read.clear();
      this.#builtMs = found.mtimeMs;
      return true;
    } catch {
      // It is being written.
      return this.#listed.size > 0;
    }
  }

  /** Undefined when there is no such file. */
  async get(path: string, acceptEncoding: string | undefined): Promise<ServedFile | undefined> {
    const file = this.#listed.get(path);
    if (file === undefined) return undefined;
    const coding = file.isCompressed ? preferredCoding(acceptEncoding) : "identity";
    const bytes = await this.#bytes(file, coding).catch(() => undefined);
    if (bytes === undefined) return undefined;
    return { ...file, coding, etag: `"${file.hash}${SUFFIXES[coding]}"`, bytes };
  }

  #bytes(file: DashboardFile, coding: ContentCoding): Promise<Uint8Array<ArrayBuffer>> {
    const name = `${file.path}${SUFFIXES[coding]}`;
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const reading = readFile(join(this.#folder, name)).then((bytes) => new Uint8Array(bytes));
    this.#read.set(name, reading);
    reading.catch(() => this.#read.delete(name));
    return reading;
  }
}

/** RFC 9110 section 12.5.3, for the two that are there: what is named and not refused by `q=0`. */
function preferredCoding(acceptEncoding = ""): ContentCoding {
  const accepted = acceptEncoding
    .toLowerCase()
    .split(",")
    .map((part) => part.split(";").map((word) => word.trim()))
    .filter(([, weight]) => weight === undefined || !/^q=0(\.0{0,3})?$/.test(weight))
    .map(([coding]) => coding);
  if (accepted.includes("br")) return "br";
  return accepted.includes("gzip") ? "gzip" : "identity";
}
