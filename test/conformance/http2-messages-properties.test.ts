/**
 * Any version to any: a message of HTTP/1.1 is the same behind a hop of HTTP/2, and no fields of HTTP/2
 * become a message of HTTP/1.1 that a strict parser reads as something else (T1-T11, T22, T23).
 * `TULLE_FUZZ_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { HeaderBlock } from "../../src/http/header-block.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type RequestHead,
} from "../../src/http/request-head.ts";
import type { ResponseHead } from "../../src/http/response-head.ts";
import { RequestParser } from "../../src/http1/request-parser.ts";
import { ResponseParser } from "../../src/http1/response-parser.ts";
import { serializeRequestHead, serializeResponseHead } from "../../src/http1/serializer.ts";
import { blockOf } from "../support/header-fixture.ts";
import { bytesOf, recordRequests, recordResponse } from "../support/http1-recorder.ts";
import { type Field, MessagePipe, rawBlock } from "../support/http2-message-fixture.ts";
import {
  http1Requests,
  http1Responses,
  http2Requests,
  http2Responses,
  trailerLines,
} from "../support/message-arbitraries.ts";

const seed = Number(process.env["TULLE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const RUNS = 2_000;
const HOSTILE_RUNS = 6_000;
const CANARY = "GET /canary HTTP/1.1\r\nHost: canary\r\n\r\n";

const ignored = { onBody: () => {}, onRequestEnd: () => {}, onResponseEnd: () => {} };

/** Fields with names in lower case and cookies joined: order matters only among fields of one name. */
function canonical(fields: readonly Field[]): string[] {
  const values = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    values.set(lower, [...(values.get(lower) ?? []), value]);
  }
  const cookies = values.get("cookie");
  const crumbs = cookies?.filter((value) => value !== "");
  if (crumbs !== undefined) values.set("cookie", [crumbs.join("; ")]);
  return [...values].flatMap(([name, list]) => list.map((value) => `${name}: ${value}`)).sort();
}

function fieldsOf(headers: HeaderBlock): Field[] {
  const fields: Field[] = [];
  headers.forEach((name, value) => {
    fields.push([name, value]);
  });
  return fields;
}

function requestPlain(head: RequestHead) {
  const { method, target, authority, queryAt, contentLength, acceptsTrailers } = head;
  const { bodyKind, expectsContinue, hasSpecialBytes } = head;
  const upgrade = bodyKind === BODY_TUNNEL ? head.upgrade.toLowerCase() : "";
  return {
    ...{ method, target, authority, queryAt, contentLength, acceptsTrailers },
    ...{ bodyKind, expectsContinue, hasSpecialBytes, upgrade },
    fields: canonical(fieldsOf(head.headers)),
  };
}

function responsePlain(head: ResponseHead) {
  const { status, bodyKind, contentLength } = head;
  return { status, bodyKind, contentLength, fields: canonical(fieldsOf(head.headers)) };
}

/** Parses one head and gives it to `use` while it is valid. Returns whether there was one. */
function withRequest(text: string, use: (head: RequestHead) => void): boolean {
  let isSeen = false;
  const onRequestHead = (head: RequestHead) => {
    isSeen = true;
    use(head);
  };
  const bytes = bytesOf(text);
  new RequestParser({ ...ignored, onRequestHead }).execute(bytes, 0, bytes.length);
  return isSeen;
}

function withResponse(text: string, method: string, use: (head: ResponseHead) => void): boolean {
  let isSeen = false;
  const onResponseHead = (head: ResponseHead) => {
    isSeen = true;
    use(head);
  };
  const onInterimResponse = () => {};
  const parser = new ResponseParser({ ...ignored, onInterimResponse, onResponseHead });
  parser.expect(method);
  const bytes = bytesOf(text);
  parser.execute(bytes, 0, bytes.length);
  return isSeen;
}

describe("a message of HTTP/1.1 is the same behind a hop of HTTP/2", () => {
  it("as a request", () => {
    const pipe = new MessagePipe();
    const check = (text: string) => {
      const isSeen = withRequest(text, (head) => {
        const before = requestPlain(head);
        const { head: far, error } = pipe.readRequest(
          pipe.writeRequest(head),
          head.bodyKind === BODY_NONE,
        );
        assert.equal(error, "");
        assert.deepEqual(requestPlain(far), before);
        const again = serializeRequestHead(far, far.target, far.authority);
        assert.ok(withRequest(again, (last) => assert.deepEqual(requestPlain(last), before)));
      });
      assert.ok(isSeen, text);
    };
    fc.assert(fc.property(http1Requests, check), { seed, numRuns: RUNS });
  });

  it("as a response", () => {
    const pipe = new MessagePipe();
    const check = (text: string, method: string) => {
      const isSeen = withResponse(text, method, (head) => {
        const before = responsePlain(head);
        // Without a length HTTP/1.1 reads to the end of the connection, HTTP/2 to that of the stream.
        if (head.contentLength < 0 && before.bodyKind !== BODY_NONE) {
          before.bodyKind = before.bodyKind === BODY_TUNNEL ? BODY_TUNNEL : BODY_CHUNKED;
        }
        if (head.status === 204) before.contentLength = -1;
        const isEndStream = head.bodyKind === BODY_NONE;
        const block = pipe.writeResponse(head);
        const { head: far, error } = pipe.readResponse(block, isEndStream, method);
        assert.equal(error, "");
        assert.deepEqual(responsePlain(far), before);
        const again = serializeResponseHead(far, true, "");
        assert.ok(
          withResponse(again, method, (last) => assert.deepEqual(responsePlain(last), before)),
        );
      });
      assert.ok(isSeen, text);
    };
    const methods = fc.constantFrom("GET", "HEAD", "CONNECT");
    fc.assert(fc.property(http1Responses, methods, check), { seed, numRuns: RUNS });
  });

  it("as trailers", () => {
    const pipe = new MessagePipe();
    const check = (lines: string) => {
      const trailers = blockOf(lines);
      const { head, error } = pipe.readTrailers(pipe.writeTrailers(trailers));
      assert.equal(error, "");
      assert.deepEqual(canonical(fieldsOf(head)), canonical(fieldsOf(trailers)));
    };
    fc.assert(fc.property(trailerLines, check), { seed, numRuns: RUNS });
  });
});

/** What of these may reach the other side: all but what heads tell of. */
function forwarded(fields: readonly Field[], own: readonly string[]): string[] {
  return canonical(fields.filter(([name]) => !name.startsWith(":") && !own.includes(name)));
}

function bodyOf(kind: number, contentLength: number): string {
  if (kind === BODY_LENGTH) return "x".repeat(contentLength);
  return kind === BODY_CHUNKED ? "0\r\n\r\n" : "";
}

describe("whatever comes over HTTP/2", () => {
  it("is refused, or read by the next server as it was judged", () => {
    const pipe = new MessagePipe();
    let acceptedCount = 0;
    let tunnelCount = 0;
    const check = (fields: Field[], isEndStream: boolean) => {
      const { head, error } = pipe.readRequest(rawBlock(fields), isEndStream);
      if (error !== "" || head.contentLength > 1_000) return;
      acceptedCount += 1;
      const expected = forwarded(fields, ["host", "content-length"]);
      assert.deepEqual(canonical(fieldsOf(head.headers)), expected);

      const { head: next, error: nextError } = pipe.readRequest(
        pipe.writeRequest(head),
        isEndStream,
      );
      assert.equal(nextError, "");
      const { acceptsTrailers } = head;
      const withoutTe = (list: string[]) => list.filter((field) => !field.startsWith("te: "));
      assert.deepEqual(withoutTe(canonical(fieldsOf(next.headers))), withoutTe(expected));
      assert.equal(next.acceptsTrailers, acceptsTrailers);

      const text = serializeRequestHead(head, head.target, head.authority);
      const isTunnel = head.bodyKind === BODY_TUNNEL;
      const behind = isTunnel ? "" : bodyOf(head.bodyKind, head.contentLength) + CANARY;
      const recorded = recordRequests([bytesOf(text + behind)]);
      assert.deepEqual([recorded.error, recorded.messages.length], ["", isTunnel ? 1 : 2]);
      const [first, canary] = recorded.messages;
      if (isTunnel) tunnelCount += 1;
      else assert.equal(canary?.target, "/canary");
      assert.deepEqual([first?.bodyKind === BODY_TUNNEL, first?.upgrade], [isTunnel, head.upgrade]);
      assert.deepEqual(
        [first?.method, first?.target, first?.authority, first?.contentLength],
        [head.method, head.target, head.authority, head.contentLength],
      );
      assert.deepEqual(canonical(fieldsOf(blockOf(first?.lines ?? ""))), expected);
    };
    fc.assert(fc.property(http2Requests, fc.boolean(), check), { seed, numRuns: HOSTILE_RUNS });
    assert.ok(acceptedCount > HOSTILE_RUNS / 20, `${acceptedCount} were accepted`);
    assert.ok(tunnelCount > HOSTILE_RUNS / 100, `${tunnelCount} were tunnels`);
  });

  it("is refused, or read by the client as it was judged", () => {
    const pipe = new MessagePipe();
    let acceptedCount = 0;
    const check = (fields: Field[], isEndStream: boolean, method: string) => {
      const { head, error } = pipe.readResponse(rawBlock(fields), isEndStream, method);
      if (error !== "" || head.status < 200 || head.contentLength > 1_000) return;
      acceptedCount += 1;
      const expected = forwarded(fields, ["host", "content-length", "te"]);
      const text = serializeResponseHead(head, true, "");
      const body = bodyOf(head.bodyKind, head.contentLength);
      const recorded = recordResponse([bytesOf(text + body)], method);
      assert.deepEqual([recorded.error, recorded.messages.length], ["", 1]);
      const [first] = recorded.messages;
      assert.deepEqual([first?.status, first?.isComplete], [head.status, true]);
      assert.equal(first?.body.length, head.bodyKind === BODY_LENGTH ? head.contentLength : 0);
      assert.deepEqual(canonical(fieldsOf(blockOf(first?.lines ?? ""))), expected);
    };
    const methods = fc.constantFrom("GET", "HEAD");
    fc.assert(fc.property(http2Responses, fc.boolean(), methods, check), {
      seed,
      numRuns: HOSTILE_RUNS,
    });
    assert.ok(acceptedCount > HOSTILE_RUNS / 20, `${acceptedCount} were accepted`);
  });
});
