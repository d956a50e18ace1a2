/** Cuts a stream of bytes into lines of text. */
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** A longer line is cut: an app that never ends a line must not fill the memory. */
const LINE_LENGTH_MAX = 64 * 1024;

export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #rest = "";

  /** `onLine` gets each line without its ending. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** The stream has ended: what follows the last line ending is a line too. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== "") this.#onLine(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    while (this.#rest.length > LINE_LENGTH_MAX) {
      this.#onLine(this.#rest.slice(0, LINE_LENGTH_MAX));
      this.#rest = this.#rest.slice(LINE_LENGTH_MAX);
    }
  }
}

/** Calls `onLine` for each line of a child's output. Null, as for output that is not piped, has none. */
export function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  const splitter = new LineSplitter(onLine);
  stream?.on("data", (chunk: Buffer) => splitter.push(chunk));
  stream?.on("end", () => splitter.end());
  stream?.on("error", (error) => onLine(`its output cannot be read: ${error.message}`));
}
