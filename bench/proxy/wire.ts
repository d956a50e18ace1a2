/** Bytes of the peers: messages of HTTP/1.1, and frames with field blocks that an encoder of a long-lived connection sends. */
import { FRAME_HEADER_BYTES } from "../../src/http2/frame.ts";
import { writeFrameHeader } from "../../src/http2/frame-writer.ts";

const STREAM_ID_AT = 5;
const BODY = "0123456789".repeat(6).concat("012345");
const REQUEST_ID = "6f1c2f0e-6f0a-4c39-a9a1-d5a7a9a5a001";

export const H1_REQUEST = latin1("GET / HTTP/1.1\r\nHost: 127.0.0.1:25020\r\n\r\n");
export const H1_ANSWER = latin1(
  "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 27 Nov 2026 13:58:02 GMT\r\n" +
    `Content-Type: application/octet-stream\r\nContent-Length: 66\r\nConnection: keep-alive\r\n\r\n${BODY}`,
);

/** RFC 7541 section 6.1: a field of the static table, or one of those that came before, the last one first. */
const STATIC_GET = 0x82;
const STATIC_HTTP = 0x86;
const STATIC_ROOT = 0x84;
const STATIC_200 = 0x88;
const NEWEST = 0xbe;

/** The first block of a connection fills the table, later ones refer to it. */
export const H2_REQUESTS = {
  first: latin1(
    bytes(STATIC_GET, STATIC_HTTP, STATIC_ROOT) +
      indexed(1, "127.0.0.1:25020") +
      indexed("x-forwarded-proto", "http") +
      indexed("x-envoy-expected-rq-timeout-ms", "15000") +
      indexed("x-request-id", REQUEST_ID),
  ),
  // The id is a literal whose name is that of the newest entry (section 6.2.2: 62 is 15 and 47).
  later: latin1(
    bytes(STATIC_GET, STATIC_HTTP, STATIC_ROOT, NEWEST + 3, NEWEST + 2, NEWEST + 1) +
      bytes(0x0f, 62 - 15) +
      string(REQUEST_ID),
  ),
} as const;

export const H2_ANSWERS = {
  first: latin1(
    bytes(STATIC_200) +
      indexed(54, "nginx/1.22.1") +
      indexed(33, "Fri, 27 Nov 2026 13:58:02 GMT") +
      indexed(31, "application/octet-stream") +
      indexed(28, "66"),
  ),
  later: latin1(bytes(STATIC_200, NEWEST + 3, NEWEST + 2, NEWEST + 1, NEWEST)),
} as const;

export const BODY_BYTES = latin1(BODY);

export function frame(type: number, flags: number, payload: Buffer): Buffer {
  const out = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  payload.copy(out, writeFrameHeader(out, 0, payload.length, type, flags, 0));
  return out;
}

/** Frames one behind the other, each with the id of its stream. */
export class FrameBatch {
  readonly #bytes = Buffer.alloc(1 << 16);
  #length = 0;

  add(frame: Buffer, streamId: number): void {
    this.#bytes.set(frame, this.#length);
    this.#bytes.writeUInt32BE(streamId, this.#length + STREAM_ID_AT);
    this.#length += frame.length;
  }

  /** Everything since the last time; valid until the next `add`. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}

/** Calls `visit` for each frame that begins at `start` or behind it. */
export function forEachFrame(
  input: Buffer,
  start: number,
  length: number,
  visit: (type: number, flags: number, streamId: number) => void,
): void {
  let at = start;
  while (at < length) {
    visit(input[at + 3]!, input[at + 4]!, input.readUInt32BE(at + STREAM_ID_AT));
    at += FRAME_HEADER_BYTES + input.readUIntBE(at, 3);
  }
}

/** RFC 7541 section 6.2.1: goes into the table. A name is its number in the static table, or written out. */
function indexed(name: number | string, value: string): string {
  const head = typeof name === "number" ? bytes(0x40 | name) : bytes(0x40) + string(name);
  return head + string(value);
}

function string(text: string): string {
  return bytes(text.length) + text;
}

function bytes(...values: number[]): string {
  return String.fromCharCode(...values);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
