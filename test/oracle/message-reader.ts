/**
 * Reads HTTP/1.1 messages off a socket for the oracle, leniently and without any code of the product, whose
 * judge it is. Keeps everything that was sent: order of fields, framing, trailers, and whether it was complete.
 */

export interface RawMessage {
  readonly startLine: string;
  /** Names in lower case, values as sent, in order. */
  readonly headers: readonly (readonly [string, string])[];
  /** `stream`: of HTTP/2, without a length. */
  framing: "none" | "length" | "chunked" | "close" | "stream";
  body: Buffer;
  trailers: readonly (readonly [string, string])[];
  isComplete: boolean;
  /** The error code by which its stream of HTTP/2 was reset. */
  reset?: string | undefined;
}

export class MessageReader {
  readonly #side: "request" | "response";
  /** Methods of the requests whose responses are awaited. */
  readonly #methods: readonly string[];
  #methodIndex = 0;
  #pending: Buffer = Buffer.alloc(0);
  #message: RawMessage | undefined;
  #rest = 0;
  #state: "head" | "length" | "chunk-size" | "chunk" | "chunk-end" | "trailers" | "close" = "head";
  onHead: (message: RawMessage) => void = () => {};
  onEnd: (message: RawMessage) => void = () => {};

  /** `methods` is for responses: the last one holds for all that follow. */
  constructor(side: "request" | "response", methods: readonly string[] = ["GET"]) {
    this.#side = side;
    this.#methods = methods;
  }

  feed(bytes: Buffer): void {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    while (this.#step());
  }

  /** The peer has ended the connection: a body that lasts until then is complete. */
  finish(): void {
    if (this.#state === "close") this.#end();
  }

  /** Bytes behind the last message that are not one (yet). */
  get surplus(): string {
    return this.#state === "head" ? this.#pending.toString("latin1") : "";
  }

  #step(): boolean {
    switch (this.#state) {
      case "head":
        return this.#readHead();
      case "length":
      case "chunk":
        return this.#readData();
      case "close":
        if (this.#pending.length > 0) this.#append(this.#pending.length);
        return false;
      case "chunk-size":
        return this.#readChunkSize();
      case "chunk-end":
        if (this.#pending.length < 2) return false;
        this.#pending = this.#pending.subarray(2);
        this.#state = "chunk-size";
        return true;
      case "trailers":
        return this.#readTrailers();
    }
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [startLine = "", ...lines] = this.#pending.toString("latin1", 0, end).split("\r\n");
    this.#pending = this.#pending.subarray(end + 4);
    const message: RawMessage = {
      startLine,
      headers: lines.map(field),
      framing: "none",
      body: Buffer.alloc(0),
      trailers: [],
      isComplete: false,
    };
    this.#message = message;
    this.#beginBody(message);
    this.onHead(message);
    if (message.framing === "none") this.#end();
    return true;
  }

  #beginBody(message: RawMessage): void {
    const isResponse = this.#side === "response";
    const status = isResponse ? Number(message.startLine.split(" ")[1]) : 0;
    const isInterim = isResponse && status >= 100 && status < 200;
    const method = this.#methods[Math.min(this.#methodIndex, this.#methods.length - 1)];
    if (isResponse && !isInterim) this.#methodIndex += 1;
    const length = fieldOf(message, "content-length");
    if (isInterim || status === 204 || status === 304 || (isResponse && method === "HEAD")) return;
    if (fieldOf(message, "transfer-encoding")?.toLowerCase().includes("chunked")) {
      message.framing = "chunked";
      this.#state = "chunk-size";
    } else if (length !== undefined) {
      if (Number(length) === 0) return;
      message.framing = "length";
      this.#rest = Number(length);
      this.#state = "length";
    } else if (isResponse) {
      message.framing = "close";
      this.#state = "close";
    }
  }

  #readData(): boolean {
    if (this.#pending.length === 0) return false;
    const size = Math.min(this.#rest, this.#pending.length);
    this.#append(size);
    this.#rest -= size;
    if (this.#rest > 0) return false;
    if (this.#state === "chunk") this.#state = "chunk-end";
    else this.#end();
    return true;
  }

  #readChunkSize(): boolean {
    const line = this.#takeLine();
    if (line === undefined) return false;
    this.#rest = Number.parseInt(line, 16);
    this.#state = this.#rest === 0 ? "trailers" : "chunk";
    return true;
  }

  #readTrailers(): boolean {
    const line = this.#takeLine();
    const message = this.#message;
    if (line === undefined || message === undefined) return false;
    if (line === "") this.#end();
    else message.trailers = [...message.trailers, field(line)];
    return true;
  }

  #takeLine(): string | undefined {
    const end = this.#pending.indexOf("\r\n");
    if (end < 0) return undefined;
    const line = this.#pending.toString("latin1", 0, end);
    this.#pending = this.#pending.subarray(end + 2);
    return line;
  }

  #append(size: number): void {
    const message = this.#message;
    if (message === undefined) return;
    message.body = Buffer.concat([message.body, this.#pending.subarray(0, size)]);
    this.#pending = this.#pending.subarray(size);
  }

  #end(): void {
    const message = this.#message;
    this.#state = "head";
    this.#message = undefined;
    if (message === undefined) return;
    message.isComplete = true;
    this.onEnd(message);
  }
}

export function fieldOf(message: RawMessage, name: string): string | undefined {
  return message.headers.find(([candidate]) => candidate === name)?.[1];
}

function field(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
