/**
 * What an access log wants to know of a response, kept until the request is logged: fields of its head and trailers, and the
 * beginnings of bodies. One object serves all requests of an exchange, and only those whose log asks.
 */
import type { HeaderBlock } from "../../http/header-block.ts";
import type { LogNeeds } from "./log-needs.ts";

/** Types whose bodies are texts; others say nothing to a reader. */
const TEXT_TYPE =
  /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml)\b|application\/x-www-form-urlencoded)/i;

export class ResponseMemory {
  readonly #fields = new Map<string, string>();
  readonly #trailers = new Map<string, string>();
  readonly #request = new BodyStart();
  readonly #response = new BodyStart();

  begin(needs: LogNeeds, requestHeaders: HeaderBlock | undefined): void {
    this.#fields.clear();
    this.#trailers.clear();
    this.#request.begin(needs.requestBytes, requestHeaders);
    this.#response.begin(0, undefined);
  }

  noteHead(needs: LogNeeds, headers: HeaderBlock): void {
    this.#fields.clear();
    for (const name of needs.responseFields) {
      const value = headers.get(name);
      if (value !== undefined) this.#fields.set(name, value);
    }
    this.#response.begin(needs.responseBytes, headers);
  }

  noteTrailers(needs: LogNeeds, trailers: HeaderBlock): void {
    for (const name of needs.trailers) {
      const value = trailers.get(name);
      if (value !== undefined) this.#trailers.set(name, value);
    }
  }

  addRequestBody(bytes: Buffer, start: number, end: number): void {
    this.#request.add(bytes, start, end);
  }

  addResponseBody(bytes: Buffer, start: number, end: number): void {
    this.#response.add(bytes, start, end);
  }

  field(lowerName: string): string | undefined {
    return this.#fields.get(lowerName);
  }

  trailer(lowerName: string): string | undefined {
    return this.#trailers.get(lowerName);
  }

  get requestBody(): Buffer | undefined {
    return this.#request.bytes;
  }

  get responseBody(): Buffer | undefined {
    return this.#response.bytes;
  }
}

/** The first bytes of a body. They are copied: what they stand in is used again. */
class BodyStart {
  #chunks: Buffer[] | undefined;
  #left = 0;

  begin(bytesMax: number, headers: HeaderBlock | undefined): void {
    this.#chunks = undefined;
    this.#left = bytesMax > 0 && headers !== undefined && isText(headers) ? bytesMax : 0;
  }

  add(bytes: Buffer, start: number, end: number): void {
    if (this.#left <= 0) return;
    const upTo = Math.min(end, start + this.#left);
    this.#chunks ??= [];
    this.#chunks.push(Buffer.from(bytes.subarray(start, upTo)));
    this.#left -= upTo - start;
  }

  get bytes(): Buffer | undefined {
    return this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks);
  }
}

function isText(headers: HeaderBlock): boolean {
  if (headers.get("content-encoding") !== undefined) return false;
  return TEXT_TYPE.test(headers.get("content-type") ?? "");
}
