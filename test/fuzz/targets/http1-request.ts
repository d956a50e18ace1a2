/**
 * The HTTP/1.1 request parser. What comes out must not depend on how bytes were split, a flood must end
 * in an error or in progress, and what we would forward must be read back as the same requests.
 */
import { HEAD_SIZE_BYTES_MAX } from "../../../src/core/limits.ts";
import type { HeaderBlock } from "../../../src/http/header-block.ts";
import { BODY_CHUNKED, type BodyKind, type RequestHead } from "../../../src/http/request-head.ts";
import { RequestParser } from "../../../src/http1/request-parser.ts";
import { chunkStart, lastChunk, serializeRequestHead } from "../../../src/http1/serializer.ts";
import { Digest, hashOf } from "../digest.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { llhttpMessages } from "../shared-corpus.ts";
import { readEnds } from "../splits.ts";

/** One input in so many is also flooded or forwarded: both cost several times a plain run. */
const FLOOD_EVERY = 4_096;
const FORWARD_EVERY = 8;
const FLOOD_BYTES = 2 * HEAD_SIZE_BYTES_MAX;

/** Everything that a proxy can see of the requests on one connection. */
class Recorder {
  readonly digest = new Digest();
  /** Events that are progress: a flood without any must be refused. */
  progress = 0;
  #isOpen = false;
  readonly parser = new RequestParser({
    onRequestHead: (head) => this.#onHead(head),
    onBody: (bytes, start, end) => {
      must(this.#isOpen && start < end, "body bytes belong to an open request and are never none");
      this.progress += 1;
      this.digest.bytes(bytes, start, end);
    },
    onRequestEnd: (trailers) => {
      must(this.#isOpen, "a request ends once");
      this.#isOpen = false;
      this.progress += 1;
      this.digest.text(trailers === undefined ? "end" : trailers.toLines());
    },
  });

  /** Returns false when the parser refused. */
  feed(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    while (at < end) {
      const next = this.parser.execute(bytes, at, end);
      if (next < 0) {
        this.digest.number(next);
        return false;
      }
      must(next > at && next <= end, "each call uses bytes");
      at = next;
    }
    return true;
  }

  #onHead(head: RequestHead): void {
    must(!this.#isOpen, "requests do not overlap");
    this.#isOpen = true;
    this.progress += 1;
    this.digest
      .text(head.method)
      .text(head.target)
      .text(head.authority)
      .text(head.upgrade)
      .text(head.headers.toLines())
      .number(head.minorVersion)
      .number(head.bodyKind)
      .number(head.contentLength)
      .number(head.queryAt)
      .flag(head.keepAlive)
      .flag(head.expectsContinue)
      .flag(head.acceptsTrailers)
      .flag(head.hasSpecialBytes);
  }
}

/** The requests in these bytes as the next hop would get them, and what a reader must see again. */
function forward(bytes: Buffer): { readonly sent: string; readonly essence: number } {
  let sent = "";
  let kind: BodyKind | undefined;
  const essence = new Digest();
  const parser = new RequestParser({
    onRequestHead: (head: RequestHead) => {
      kind = head.bodyKind;
      sent += serializeRequestHead(head, head.target, head.authority);
      essence.text(head.method).text(head.target).text(head.authority).text(head.headers.toLines());
      essence.number(head.bodyKind).number(head.contentLength);
    },
    onBody: (body, start, end) => {
      essence.bytes(body, start, end);
      const text = body.toString("latin1", start, end);
      sent += kind === BODY_CHUNKED ? `${chunkStart(end - start)}${text}\r\n` : text;
    },
    onRequestEnd: (trailers: HeaderBlock | undefined) => {
      // Forwarding drops the trailers that are forbidden, so only what is sent can be seen again.
      const last = kind === BODY_CHUNKED ? lastChunk(trailers) : "";
      sent += last;
      essence.text(last);
    },
  });
  let at = 0;
  while (at >= 0 && at < bytes.length) at = parser.execute(bytes, at, bytes.length);
  return { sent, essence: essence.value };
}

function fuzz(data: Buffer): void {
  const whole = new Recorder();
  const isAccepted = whole.feed(data, 0, data.length);
  const split = new Recorder();
  let start = 0;
  for (const end of readEnds(data)) {
    const isGood = split.feed(data, start, end);
    start = end;
    if (!isGood) break;
  }
  must(split.digest.value === whole.digest.value, "the split changes nothing");
  const hash = hashOf(data);
  if (isAccepted && data.length > 0 && hash % FLOOD_EVERY === 0) flood(whole, data);
  if (hash % FORWARD_EVERY === 0) {
    const first = forward(data);
    const second = forward(Buffer.from(first.sent, "latin1"));
    must(second.essence === first.essence, "the next hop sees the same requests");
    must(second.sent === first.sent, "forwarding twice is forwarding once");
  }
}

/** The input again and again: within the bound of a head there is progress or an error. */
function flood(recorder: Recorder, data: Buffer): void {
  let idleBytes = 0;
  for (let fed = 0; fed < FLOOD_BYTES; fed += data.length) {
    const before = recorder.progress;
    if (!recorder.feed(data, 0, data.length)) return;
    idleBytes = recorder.progress === before ? idleBytes + data.length : 0;
    must(idleBytes <= HEAD_SIZE_BYTES_MAX + data.length, "no more is kept than a head");
  }
}

export const http1Request: FuzzTarget = {
  name: "http1-request",
  fuzz,
  seeds: () => llhttpMessages("request"),
  inputBytesMax: 2_048,
};
