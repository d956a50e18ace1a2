/**
 * Finds the ClientHello at the start of a connection, which may come in many reads and many records
 * (RFC 8446 section 5.1), without taking a byte away: who passes TLS through sends the same bytes on.
 */
import { CLIENT_HELLO_BYTES_MAX } from "../../core/limits.ts";
import { type ClientHello, parseClientHello } from "./client-hello.ts";
import type { ClientHelloFault } from "./client-hello-fault.ts";
import {
  CONTENT_TYPE_HANDSHAKE,
  HANDSHAKE_HEADER_BYTES,
  matchTlsStart,
  RECORD_HEADER_BYTES,
  RECORD_LENGTH_AT,
  RECORD_LENGTH_MAX,
} from "./tls-start.ts";

export type ClientHelloVerdict =
  | { readonly kind: "need-more" }
  | { readonly kind: "not-tls" }
  | { readonly kind: "malformed"; readonly fault: ClientHelloFault }
  | { readonly kind: "hello"; readonly hello: ClientHello };

const NEED_MORE: ClientHelloVerdict = { kind: "need-more" };
const NOT_TLS: ClientHelloVerdict = { kind: "not-tls" };

/** For one connection. Keeps numbers only; looks at each byte once until the hello is complete. */
export class ClientHelloReader {
  #isTls = false;
  /** Bytes looked at, from the connection's start. */
  #used = 0;
  #recordCount = 0;
  /** Payload bytes to come in the current record. */
  #recordRemaining = 0;
  /** Handshake bytes that came. */
  #gathered = 0;
  /** Of the hello behind its handshake header, as far as its three bytes came. */
  #bodyLength = 0;

  /**
   * Judges the connection's bytes from its first one on: each call brings those of the call before, at
   * any place in memory, and more. The caller keeps them until there is a verdict, which comes within
   * CLIENT_HELLO_BYTES_MAX. Bytes behind the hello, such as early data, are left alone. "not-tls" comes
   * on the first byte that shows it; the connection may speak anything else. After a verdict the reader
   * is done.
   */
  read(bytes: Buffer, start: number, end: number): ClientHelloVerdict {
    if (!this.#isTls) {
      const match = matchTlsStart(bytes, start, end);
      if (match === "undecided") return NEED_MORE;
      if (match === "other") return NOT_TLS;
      this.#isTls = true;
    }
    const limit = Math.min(end, start + CLIENT_HELLO_BYTES_MAX);
    while (start + this.#used < limit) {
      const at = start + this.#used;
      if (this.#recordRemaining > 0) {
        this.#takePayload(bytes, at, limit);
      } else {
        // RFC 8446 section 5.1: no other record comes between those of one message.
        if (bytes[at] !== CONTENT_TYPE_HANDSHAKE) return malformed("recordInvalid");
        if (limit - at < RECORD_HEADER_BYTES) break;
        const length = bytes.readUInt16BE(at + RECORD_LENGTH_AT);
        if (length === 0 || length > RECORD_LENGTH_MAX) return malformed("recordInvalid");
        this.#used += RECORD_HEADER_BYTES;
        this.#recordRemaining = length;
        this.#recordCount += 1;
      }
      if (this.#gathered < HANDSHAKE_HEADER_BYTES) continue;
      const missing = HANDSHAKE_HEADER_BYTES + this.#bodyLength - this.#gathered;
      if (missing > CLIENT_HELLO_BYTES_MAX - this.#used) return malformed("tooLarge");
      // Section 5.1: the hello ends where its record ends, since keys may change behind it.
      if (this.#recordRemaining > missing) return malformed("trailingBytes");
      if (missing === 0) return this.#parse(bytes, start);
    }
    return limit - start === CLIENT_HELLO_BYTES_MAX ? malformed("tooLarge") : NEED_MORE;
  }

  /** The handshake header byte by byte, since it may be split over records; the rest at once. */
  #takePayload(bytes: Buffer, at: number, limit: number): void {
    let count = Math.min(this.#recordRemaining, limit - at);
    if (this.#gathered < HANDSHAKE_HEADER_BYTES) {
      count = 1;
      // RFC 8446 section 4: the type, which matchTlsStart has seen, then three bytes of length.
      if (this.#gathered > 0) this.#bodyLength = this.#bodyLength * 256 + bytes[at]!;
    }
    this.#used += count;
    this.#recordRemaining -= count;
    this.#gathered += count;
  }

  #parse(bytes: Buffer, start: number): ClientHelloVerdict {
    const headersLength = RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES;
    const result =
      this.#recordCount === 1
        ? parseClientHello(bytes, start + headersLength, start + this.#used)
        : parseClientHello(this.#joined(bytes, start), HANDSHAKE_HEADER_BYTES, this.#gathered);
    return typeof result === "string" ? malformed(result) : { kind: "hello", hello: result };
  }

  /** The handshake bytes of all records. */
  #joined(bytes: Buffer, start: number): Buffer {
    const message = Buffer.allocUnsafe(this.#gathered);
    let at = start;
    for (let length = 0; length < message.length; ) {
      const payloadAt = at + RECORD_HEADER_BYTES;
      at = payloadAt + bytes.readUInt16BE(at + RECORD_LENGTH_AT);
      length += bytes.copy(message, length, payloadAt, at);
    }
    return message;
  }
}

function malformed(fault: ClientHelloFault): ClientHelloVerdict {
  return { kind: "malformed", fault };
}
