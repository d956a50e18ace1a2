/**
 * What the serializer writes, the parsers read back as the same message: heads, chunked bodies and
 * trailers. And whatever we accept, the next hop reads in one way only. `TULLE_FUZZ_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BODY_CHUNKED, BODY_UNTIL_CLOSE } from "../../src/http/request-head.ts";
import { NEED_MORE } from "../../src/http1/errors.ts";
import { RequestParser } from "../../src/http1/request-parser.ts";
import { ResponseParser } from "../../src/http1/response-parser.ts";
import {
  chunkStart,
  lastChunk,
  serializeInterim,
  serializeRequestHead,
  serializeResponseHead,
} from "../../src/http1/serializer.ts";
import {
  bytesOf,
  type RecordedRequest,
  recordRequests,
  recordResponse,
} from "../support/http1-recorder.ts";
import { requestText, responseText } from "./http1-grammar.ts";

const RUNS = 3_000;
const seed = Number(process.env["TULLE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

/** The requests in these bytes as they would be sent to the next hop. */
function forwardRequests(text: string): string {
  let out = "";
  let isChunked = false;
  const parser = new RequestParser({
    onRequestHead: (head) => {
      isChunked = head.bodyKind === BODY_CHUNKED;
      out += serializeRequestHead(head, head.target, head.authority);
    },
    onBody: (bytes, start, end) => {
      out += bodyPart(bytes.toString("latin1", start, end), isChunked);
    },
    onRequestEnd: (trailers) => {
      if (isChunked) out += lastChunk(trailers);
    },
  });
  const bytes = bytesOf(text);
  let at = 0;
  while (at >= 0 && at < bytes.length) at = parser.execute(bytes, at, bytes.length);
  return out;
}

/** The answer in these bytes as it would be sent to an HTTP/1.1 client. */
function forwardResponse(text: string): string {
  let out = "";
  let isChunked = false;
  const parser = new ResponseParser({
    onInterimResponse: (head) => {
      out += serializeInterim(head);
    },
    onResponseHead: (head) => {
      isChunked = head.bodyKind === BODY_CHUNKED || head.bodyKind === BODY_UNTIL_CLOSE;
      out += serializeResponseHead(head, true, "");
    },
    onBody: (bytes, start, end) => {
      out += bodyPart(bytes.toString("latin1", start, end), isChunked);
    },
    onResponseEnd: (trailers) => {
      if (isChunked) out += lastChunk(trailers);
    },
  });
  parser.expect("GET");
  const bytes = bytesOf(text);
  if (parser.execute(bytes, 0, bytes.length) >= NEED_MORE) parser.finish();
  return out;
}

function bodyPart(data: string, isChunked: boolean): string {
  return isChunked ? `${chunkStart(data.length)}${data}\r\n` : data;
}

/** All but what each hop decides anew: version, persistence, Upgrade, Expect's version rule, forbidden trailers. */
function essenceOf(message: RecordedRequest): unknown {
  const { method, target, authority, bodyKind, contentLength, lines, body, isComplete } = message;
  return { method, target, authority, bodyKind, contentLength, lines, body, isComplete };
}

/** Header lines as any strict reader splits them. */
function assertPlainLines(head: string): void {
  for (const line of head.split("\r\n").slice(1)) {
    assert.match(line, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*$/);
    assert.doesNotMatch(line, /^(keep-alive|proxy-connection|upgrade|http2-settings):/i);
  }
}

describe("forwarding", () => {
  it("a request changes nothing that its reader sees, and a second hop nothing at all", () => {
    fc.assert(
      fc.property(requestText, (text) => {
        const before = recordRequests([bytesOf(text)]);
        const sent = forwardRequests(text);
        const after = recordRequests([bytesOf(sent)]);
        assert.equal(after.error, "");
        // Each message is found again, with nothing between or behind them.
        assert.deepEqual(after.messages.map(essenceOf), before.messages.map(essenceOf));
        assert.equal(forwardRequests(sent), sent);
      }),
      { numRuns: RUNS, seed },
    );
  });

  it("an answer changes nothing that its reader sees, and a second hop nothing at all", () => {
    fc.assert(
      fc.property(responseText, (text) => {
        const before = recordResponse([bytesOf(text)]);
        const sent = forwardResponse(text);
        const after = recordResponse([bytesOf(sent)]);
        assert.equal(after.error, "");
        assert.deepEqual(
          after.messages.map(({ status, reason, lines, body }) => [status, reason, lines, body]),
          before.messages.map(({ status, reason, lines, body }) => [status, reason, lines, body]),
        );
        assert.equal(forwardResponse(sent), sent);
      }),
      { numRuns: RUNS, seed },
    );
  });

  it("writes header lines that every reader splits alike", () => {
    fc.assert(
      fc.property(requestText, (text) => {
        const head = forwardRequests(text).split("\r\n\r\n")[0] ?? "";
        if (head !== "") assertPlainLines(head);
      }),
      { numRuns: RUNS, seed },
    );
  });
});

describe("chunked bodies and trailers", () => {
  const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,10}$/);
  const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,12}$/);
  const latin1 = fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => Buffer.from(bytes).toString("latin1"));

  it("come back byte for byte", () => {
    fc.assert(
      fc.property(
        fc.array(latin1, { maxLength: 5 }),
        fc.array(fc.tuple(name, value), { maxLength: 4 }),
        (parts, fields) => {
          const trailers = fields.map(([field, text]) => `${field}: ${text}\r\n`).join("");
          const body = parts.map((part) => bodyPart(part, true)).join("");
          const start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
          const sent = forwardRequests(`${start}${body}0\r\n${trailers}\r\n`);
          const [message] = recordRequests([bytesOf(sent)]).messages;
          assert.equal(message?.body, parts.join(""));
          assert.equal(message?.trailers ?? "", trailers);
          assert.ok(message?.isComplete);
        },
      ),
      { numRuns: 1_000, seed },
    );
  });
});
