/**
 * Our HPACK against nghttp2's, which is in Node: a node:http2 client talks to a server of a few
 * frames written here. Its request fields go through our decoder, our encoder's answers through its
 * decoder, over tables of several sizes that change on the way.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { HEAD_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { FieldSection } from "../../src/http2/hpack/field-section.ts";
import { HPACK_OK } from "../../src/http2/hpack/hpack-error.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { encodeFields, fieldsOf } from "./hpack-fields.ts";

type Fields = [name: string, value: string][];

const PREFACE_BYTES = 24;
const FRAME_HEAD_BYTES = 9;
const HEADERS = 1;
const SETTINGS = 4;
const END_STREAM_AND_HEADERS = 5;
const PRIORITY_FLAG = 0x20;
const HEADER_TABLE_SIZE = 1;

/** The server's end of one connection: answers each request with the next of `answers`. */
class Peer {
  readonly requests: Fields[] = [];
  readonly #socket: Socket;
  readonly #answers: readonly Fields[];
  readonly #scratch = new HpackScratch();
  readonly #section = new FieldSection();
  readonly #decoder: HpackDecoder;
  readonly #encoder: HpackEncoder;
  #held = Buffer.alloc(0);
  #isPrefaceRead = false;

  constructor(socket: Socket, answers: readonly Fields[]) {
    this.#socket = socket;
    this.#answers = answers;
    const scratch = this.#scratch;
    this.#decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
    this.#encoder = new HpackEncoder({ scratch, usesHuffman: true });
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    socket.on("data", (bytes) => this.#read(bytes as Buffer));
  }

  #read(bytes: Buffer): void {
    this.#held = Buffer.concat([this.#held, bytes]);
    if (!this.#isPrefaceRead) {
      if (this.#held.length < PREFACE_BYTES) return;
      this.#held = this.#held.subarray(PREFACE_BYTES);
      this.#isPrefaceRead = true;
    }
    while (this.#held.length >= FRAME_HEAD_BYTES) {
      const end = FRAME_HEAD_BYTES + this.#held.readUIntBE(0, 3);
      if (this.#held.length < end) return;
      const payload = this.#held.subarray(FRAME_HEAD_BYTES, end);
      this.#onFrame(this.#held[3]!, this.#held[4]!, this.#held.readUInt32BE(5), payload);
      this.#held = this.#held.subarray(end);
    }
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & 1) === 0) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) !== HEADER_TABLE_SIZE) continue;
        this.#encoder.setPeerTableSize(payload.readUInt32BE(at + 2));
      }
      this.#socket.write(frame(SETTINGS, 1, 0, Buffer.alloc(0)));
    }
    if (type !== HEADERS) return;
    const start = (flags & PRIORITY_FLAG) === 0 ? 0 : 5;
    const result = this.#decoder.decode(payload, start, payload.length, this.#section);
    assert.equal(result, HPACK_OK);
    const answer = this.#answers[this.requests.length]!;
    this.requests.push(fieldsOf(this.#section));
    const out = Buffer.alloc(16_384);
    const end = encodeFields(this.#encoder, answer, out);
    this.#socket.write(frame(HEADERS, END_STREAM_AND_HEADERS, streamId, out.subarray(0, end)));
  }
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** What nghttp2 decoded of the answer, in its order. */
async function request(
  session: ClientHttp2Session,
  headers: Record<string, string>,
): Promise<Fields> {
  const stream = session.request(headers);
  stream.resume();
  const [, , raw] = (await once(stream, "response")) as [IncomingHttpHeaders, number, string[]];
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1]!] as [string, string]] : []));
}

function requestOf(i: number): Record<string, string> {
  return {
    ":method": ["GET", "POST", "PUT"][i % 3]!,
    ":scheme": "http",
    ":authority": `host-${i % 2}`,
    ":path": i % 4 === 0 ? "/shop.Catalog/Get" : `/p/${i}?q=${"x".repeat(i)}`,
    "user-agent": "conformance/1",
    "x-request-id": `5b1d3a52-7f43-4c8f-9c36-${i}`,
    [`x-name-${i % 7}`]: "y".repeat(i * 11),
    cookie: `session=${i}`,
  };
}

function answerOf(i: number): Fields {
  return [
    [":status", String([200, 404, 503, 201][i % 4])],
    ["content-type", "application/json; charset=utf-8"],
    ["date", `Tue, 25 Nov 2025 18:00:${10 + (i >>> 2)} GMT`],
    ["etag", `W/"${i.toString(16)}-\x7e{|}<>^\`\\"`],
    ["x-bytes", `\xe4\xf6\xfc ${"\xff".repeat(i % 5)}`.trim()],
    [`x-name-${i % 7}`, `z${"[]".repeat(i * 7)}`],
    ["x-request-id", `5b1d3a52-7f43-4c8f-9c36-${i}`],
    ["x-tenant", "emea"],
    ["x-api-key", `k${i}`],
    ["server", "envoy"],
  ];
}

for (const headerTableSize of [4096, 0, 200, 65_536]) {
  test(`nghttp2 and we read each other, with its table at ${headerTableSize} bytes`, async () => {
    const count = 60;
    const answers = Array.from({ length: count }, (_, i) => answerOf(i));
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const session = connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize } });
    const [socket] = (await once(server, "connection")) as [Socket];
    const peer = new Peer(socket, answers);
    for (let i = 0; i < count; i++) {
      // A table that shrinks and grows again in the middle.
      if (i === 20) session.settings({ headerTableSize: 100 });
      if (i === 25) session.settings({ headerTableSize: 4096 });
      const got = await request(session, requestOf(i));
      assert.deepEqual(got, answers[i]);
      assert.deepEqual(Object.fromEntries(peer.requests[i]!), requestOf(i));
    }
    session.close();
    socket.destroy();
    server.close();
    await once(server, "close");
  });
}
