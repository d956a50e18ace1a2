/** Messages of HTTP/2 as tests write them: lists of fields, and what our readers and writers make of them. */
import assert from "node:assert/strict";
import { HEAD_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
import { HeaderBlock } from "../../src/http/header-block.ts";
import { RequestHead } from "../../src/http/request-head.ts";
import { ResponseHead } from "../../src/http/response-head.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { FieldSection } from "../../src/http2/hpack/field-section.ts";
import { HPACK_OK, hpackErrorInfo } from "../../src/http2/hpack/hpack-error.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { encodeInteger } from "../../src/http2/hpack/integer.ts";
import { MESSAGE_OK, messageErrorInfo } from "../../src/http2/message/message-error.ts";
import { readRequest } from "../../src/http2/message/request-reader.ts";
import { requestBytesMax, writeRequest } from "../../src/http2/message/request-writer.ts";
import { readResponse } from "../../src/http2/message/response-reader.ts";
import { responseBytesMax, writeResponse } from "../../src/http2/message/response-writer.ts";
import { readTrailers } from "../../src/http2/message/trailer-reader.ts";
import { trailerBytesMax, writeTrailers } from "../../src/http2/message/trailer-writer.ts";

/** Name and value. A third item tells that the field is sent never indexed. */
export type Field = readonly [name: string, value: string, isNeverIndexed?: true];

/** One head or trailer section, or why it was refused. */
export interface Read<Head> {
  readonly head: Head;
  /** The code of the error, or "". */
  readonly error: string;
}

const scratch = new HpackScratch();

/** A header block with each field written out as it is, whatever is in it. */
export function rawBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value, isNeverIndexed = false]) => [
      Buffer.from([isNeverIndexed ? 0x10 : 0]),
      rawString(name),
      rawString(value),
    ]),
  );
}

function rawString(text: string): Buffer {
  const length = Buffer.alloc(8);
  const end = encodeInteger(length, 0, 0x7f, 0, text.length);
  return Buffer.concat([length.subarray(0, end), Buffer.from(text, "latin1")]);
}

/** One direction of a connection: what is written here is read by the peer's decoder. */
export class MessagePipe {
  readonly encoder = new HpackEncoder({ scratch, usesHuffman: true });
  readonly #decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
  readonly section = new FieldSection();

  readRequest(block: Buffer, isEndStream: boolean, head = new RequestHead()): Read<RequestHead> {
    const code = this.#decode(block, head.headers);
    if (code !== "") return { head, error: code };
    return { head, error: errorOf(readRequest(this.section, isEndStream, head)) };
  }

  readResponse(
    block: Buffer,
    isEndStream: boolean,
    method = "GET",
    isTunnelRequest = false,
  ): Read<ResponseHead> {
    const head = new ResponseHead();
    const code = this.#decode(block, head.headers);
    if (code !== "") return { head, error: code };
    const verdict = readResponse(this.section, isEndStream, method, isTunnelRequest, head);
    return { head, error: errorOf(verdict) };
  }

  readTrailers(block: Buffer): Read<HeaderBlock> {
    const head = new HeaderBlock();
    const code = this.#decode(block, head);
    return { head, error: code === "" ? errorOf(readTrailers(this.section)) : code };
  }

  writeRequest(head: RequestHead, target = head.target, authority = head.authority): Buffer {
    const sizeMax = requestBytesMax(head, target, authority);
    return written(sizeMax, (out, at) =>
      writeRequest(this.encoder, out, at, head, target, authority, "https"),
    );
  }

  writeResponse(head: ResponseHead): Buffer {
    return written(responseBytesMax(head), (out, at) => writeResponse(this.encoder, out, at, head));
  }

  writeTrailers(trailers: HeaderBlock): Buffer {
    const sizeMax = trailerBytesMax(trailers);
    return written(sizeMax, (out, at) => writeTrailers(this.encoder, out, at, trailers));
  }

  #decode(block: Buffer, headers: HeaderBlock): string {
    this.section.headers = headers;
    const verdict = this.#decoder.decode(block, 0, block.length, this.section);
    return verdict === HPACK_OK ? "" : hpackErrorInfo(verdict).code;
  }
}

/** The fields of a block, pseudo fields first, as the peer's decoder has them. */
export function fieldsIn(pipe: MessagePipe, block: Buffer): string[] {
  pipe.readTrailers(block);
  const { section } = pipe;
  const pseudo = (["method", "scheme", "authority", "path", "protocol"] as const)
    .filter((name) => section[name] !== "")
    .map((name) => `:${name}: ${section[name]}`);
  if (section.status !== 0) pseudo.unshift(`:status: ${section.status}`);
  return [...pseudo, ...section.headers.toLines().split("\r\n").slice(0, -1)];
}

function written(sizeMax: number, write: (out: Buffer, at: number) => number): Buffer {
  const out = Buffer.alloc(3 + sizeMax);
  const end = write(out, 3);
  assert.ok(end <= out.length, `${end - 3} bytes, but at most ${sizeMax} were told`);
  return out.subarray(3, end);
}

function errorOf(number: number): string {
  return number === MESSAGE_OK ? "" : messageErrorInfo(number).code;
}
