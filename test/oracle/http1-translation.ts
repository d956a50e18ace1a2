/**
 * What an HTTP/1.1 text of a case says, as acts of an HTTP/2 stream: so that one corpus serves all pairs of versions.
 * Only for well-formed messages; what belongs to one connection of HTTP/1.1 has no counterpart and is left out.
 */
import type { Field } from "../support/raw-http2-client.ts";
import type { Act } from "./case.ts";
import { fieldOf, MessageReader, type RawMessage } from "./message-reader.ts";

/** RFC 9113 section 8.2.2: fields that HTTP/2 does not have. */
const CONNECTION_FIELDS = ["connection", "keep-alive", "proxy-connection", "transfer-encoding"];

export interface StreamActs {
  /** Which message of the text, from 0: interim responses belong to the final one behind them. */
  readonly index: number;
  readonly acts: readonly Act[];
}

export class Http1Translation {
  readonly #reader: MessageReader;
  readonly #side: "request" | "response";
  readonly #acts: { index: number; acts: Act[] }[] = [];
  #index = -1;
  #message: RawMessage | undefined;
  #sent = 0;
  #isWithinMessage = false;

  /** `methods` of the requests, where the text is of responses. */
  constructor(side: "request" | "response", methods?: readonly string[]) {
    this.#side = side;
    this.#reader = new MessageReader(side, methods);
    this.#reader.onHead = (message) => this.#onHead(message);
    this.#reader.onEnd = (message) => this.#onEnd(message);
  }

  feed(text: string): readonly StreamActs[] {
    this.#acts.length = 0;
    this.#reader.feed(Buffer.from(text, "latin1"));
    this.#flush();
    return this.#acts.slice();
  }

  /** The connection of the text has ended. */
  finish(): readonly StreamActs[] {
    this.#acts.length = 0;
    this.#reader.finish();
    return this.#acts.slice();
  }

  /** Whether a message has begun that is not whole. */
  get isWithinMessage(): boolean {
    return this.#isWithinMessage;
  }

  #onHead(message: RawMessage): void {
    if (!this.#isWithinMessage) this.#index += 1;
    this.#isWithinMessage = true;
    this.#message = message;
    this.#sent = 0;
    this.#push({
      fields: [...this.#startFields(message), ...fieldsOf(message)],
      ends: hasNoBody(message),
    });
  }

  #onEnd(message: RawMessage): void {
    const isInterim = this.#side === "response" && / 1\d\d\b/.test(message.startLine);
    if (!isInterim && !hasNoBody(message)) {
      const rest = message.body.toString("latin1", this.#sent);
      const hasTrailers = message.trailers.length > 0;
      this.#push({ data: rest, ends: !hasTrailers });
      if (hasTrailers) this.#push({ fields: message.trailers, ends: true });
    }
    this.#isWithinMessage = isInterim;
    this.#message = undefined;
  }

  #flush(): void {
    const message = this.#message;
    if (message === undefined || message.body.length === this.#sent) return;
    this.#push({ data: message.body.toString("latin1", this.#sent) });
    this.#sent = message.body.length;
  }

  #startFields(message: RawMessage): readonly Field[] {
    const [first = "", second = ""] = message.startLine.split(" ");
    if (this.#side === "response") return [[":status", second]];
    const authority = fieldOf(message, "host") ?? "";
    return [
      [":method", first],
      [":scheme", "http"],
      [":authority", authority],
      [":path", second],
    ];
  }

  #push(act: Act): void {
    const last = this.#acts.at(-1);
    if (last?.index === this.#index) last.acts.push(act);
    else this.#acts.push({ index: this.#index, acts: [act] });
  }
}

function hasNoBody({ framing, startLine }: RawMessage): boolean {
  return framing === "none" && !/^HTTP\/\S+ 1\d\d\b/.test(startLine);
}

function fieldsOf({ headers, framing }: RawMessage): readonly Field[] {
  const isChunked = framing === "chunked";
  return headers.filter(
    ([name]) =>
      name !== "host" &&
      !CONNECTION_FIELDS.includes(name) &&
      !(isChunked && name === "content-length"),
  );
}
