/** The HTTP/1.1 response parser, as the answer to GET or HEAD: no split changes what comes out. */
import { HEAD_SIZE_BYTES_MAX, INTERIM_RESPONSES_MAX } from "../../../src/core/limits.ts";
import type { ResponseHead } from "../../../src/http/response-head.ts";
import { ResponseParser } from "../../../src/http1/response-parser.ts";
import { serializeResponseHead } from "../../../src/http1/serializer.ts";
import { Digest, hashOf } from "../digest.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { llhttpMessages } from "../shared-corpus.ts";
import { readEnds } from "../splits.ts";

const FLOOD_EVERY = 4_096;
const FLOOD_BYTES = 2 * HEAD_SIZE_BYTES_MAX;

/** Everything that a proxy can see of one answer. */
class Recorder {
  readonly digest = new Digest();
  progress = 0;
  /** The head as a client would get it. */
  head = "";
  #interimCount = 0;
  #isOpen = false;
  #isEnded = false;
  readonly parser = new ResponseParser({
    onInterimResponse: (head) => {
      must(!this.#isOpen && !this.#isEnded, "interim answers come first");
      this.#interimCount += 1;
      must(this.#interimCount <= INTERIM_RESPONSES_MAX, "interim answers are bounded");
      this.#tell(head);
    },
    onResponseHead: (head) => {
      must(!this.#isOpen && !this.#isEnded, "there is one answer");
      this.#isOpen = true;
      this.#tell(head);
      this.head = serializeResponseHead(head, true, "");
    },
    onBody: (bytes, start, end) => {
      must(this.#isOpen && start < end, "body bytes belong to the answer and are never none");
      this.progress += 1;
      this.digest.bytes(bytes, start, end);
    },
    onResponseEnd: (trailers) => {
      must(this.#isOpen, "an answer ends once");
      this.#isOpen = false;
      this.#isEnded = true;
      this.digest.text(trailers === undefined ? "end" : trailers.toLines());
    },
  });

  constructor(method: string) {
    this.parser.expect(method);
  }

  /** Returns false when the parser refused. */
  feed(bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return true;
    const used = this.parser.execute(bytes, start, end);
    if (used < 0) {
      this.digest.number(used);
      return false;
    }
    must(used === end, "all bytes are used");
    return true;
  }

  finish(): number {
    return this.digest.flag(this.parser.isExpecting && this.parser.finish()).value;
  }

  #tell(head: ResponseHead): void {
    this.progress += 1;
    this.digest
      .number(head.status)
      .text(head.reason)
      .text(head.headers.toLines())
      .number(head.minorVersion)
      .number(head.bodyKind)
      .number(head.contentLength)
      .number(head.keepAliveTimeoutMs)
      .flag(head.keepAlive);
  }
}

function fuzz(data: Buffer): void {
  const hash = hashOf(data);
  const method = hash % 8 === 7 ? "HEAD" : "GET";
  const whole = new Recorder(method);
  const isAccepted = whole.feed(data, 0, data.length);
  const isFlooded = isAccepted && hash % FLOOD_EVERY === 0 && data.length > 0;
  const wholeValue = isAccepted && !isFlooded ? whole.finish() : whole.digest.value;
  const split = new Recorder(method);
  let isSplitAccepted = true;
  let start = 0;
  for (const end of readEnds(data)) {
    isSplitAccepted = split.feed(data, start, end);
    start = end;
    if (!isSplitAccepted) break;
  }
  const splitValue = isSplitAccepted && !isFlooded ? split.finish() : split.digest.value;
  must(splitValue === wholeValue, "the split changes nothing");
  must(!/[\0\n\r]/.test(whole.head.replaceAll("\r\n", "")), "no line is smuggled in");
  if (isFlooded) flood(whole, data);
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

export const http1Response: FuzzTarget = {
  name: "http1-response",
  fuzz,
  seeds: () => llhttpMessages("response"),
  inputBytesMax: 2_048,
};
