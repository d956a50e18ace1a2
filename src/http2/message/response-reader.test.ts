/** Each rule of RFC 9113 sections 8.1 and 8.3.2 for responses, with what it refuses. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Field, MessagePipe, rawBlock } from "../../../test/support/http2-message-fixture.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_TUNNEL } from "../../http/request-head.ts";

interface Asked {
  readonly isEndStream?: boolean;
  readonly method?: string;
  readonly isTunnelRequest?: boolean;
}

function read(status: string, fields: readonly Field[] = [], asked: Asked = {}) {
  const { isEndStream = false, method = "GET", isTunnelRequest = false } = asked;
  const block = rawBlock([[":status", status], ...fields]);
  return new MessagePipe().readResponse(block, isEndStream, method, isTunnelRequest);
}

function assertBody(read_: ReturnType<typeof read>, kind: number, contentLength: number): void {
  const { head, error } = read_;
  assert.deepEqual([error, head.bodyKind, head.contentLength], ["", kind, contentLength]);
}

const LENGTH_5: readonly Field[] = [["content-length", "5"]];
const END: Asked = { isEndStream: true };

describe("a response", () => {
  it("becomes a head with the phrase of its status", () => {
    const { headers, ...rest } = read("404", [["x-a", "1"]]).head;
    assert.deepEqual(rest, {
      status: 404,
      reason: "Not Found",
      minorVersion: 1,
      bodyKind: BODY_CHUNKED,
      contentLength: -1,
      keepAlive: true,
      keepAliveTimeoutMs: 0,
    });
    assert.equal(headers.toLines(), "x-a: 1\r\n");
  });

  it("has :status and no other pseudo-header field", () => {
    const pipe = new MessagePipe();
    const fields: readonly Field[] = [
      [":status", "200"],
      [":path", "/"],
    ];
    assert.equal(pipe.readResponse(rawBlock(fields), true).error, "pseudo_field_misplaced");
    assert.equal(pipe.readResponse(rawBlock([["a", "b"]]), true).error, "pseudo_field_missing");
  });

  const REFUSED: readonly Field[] = [
    ["connection", "close"],
    ["keep-alive", "timeout=5"],
    ["proxy-connection", "close"],
    ["transfer-encoding", "chunked"],
    ["upgrade", "websocket"],
    ["te", "gzip"],
  ];
  for (const field of REFUSED) {
    it(`does not have ${field[0]}`, () =>
      assert.equal(read("200", [field]).error, "connection_field"));
  }

  it("does not keep fields that only requests have", () => {
    const { head } = read("200", [
      ["host", "shop"],
      ["te", "trailers"],
      ["x-a", "1"],
    ]);
    assert.equal(head.headers.toLines(), "x-a: 1\r\n");
  });
});

describe("content of a response (RFC 9113 section 8.1.1)", () => {
  it("is as long as Content-Length says, or as it turns out", () => {
    assertBody(read("200", LENGTH_5), BODY_LENGTH, 5);
    assertBody(read("200"), BODY_CHUNKED, -1);
    assert.equal(read("200", [["content-length", "5x"]]).error, "content_length_invalid");
  });

  it("is none when the stream ends, which HTTP/1.1 must be told", () => {
    assertBody(read("200", [], END), BODY_NONE, 0);
    assertBody(read("200", [["content-length", "0"]], END), BODY_NONE, 0);
    assert.equal(read("200", LENGTH_5, END).error, "content_length_mismatch");
  });

  it("is none in answers to HEAD, in 204 and 304, whatever the length", () => {
    for (const isEndStream of [true, false]) {
      assertBody(read("200", LENGTH_5, { isEndStream, method: "HEAD" }), BODY_NONE, 5);
      assertBody(read("200", [], { isEndStream, method: "HEAD" }), BODY_NONE, -1);
      assertBody(read("304", LENGTH_5, { isEndStream }), BODY_NONE, 5);
      assertBody(read("204", [], { isEndStream }), BODY_NONE, -1);
    }
  });
});

describe("interim responses (RFC 9113 section 8.1)", () => {
  it("do not end the stream", () => {
    assertBody(read("103", [["link", "</a>"]]), BODY_NONE, -1);
    assert.equal(read("103", [], END).error, "interim_end");
  });

  it("are never 101 (section 8.6)", () =>
    assert.equal(read("101", [], { isTunnelRequest: true }).error, "switching_protocols"));
});

describe("answers to requests for a tunnel", () => {
  it("open it as CONNECT's do in HTTP/1.1", () => {
    for (const isTunnelRequest of [true, false]) {
      const { head } = read("200", LENGTH_5, { method: "CONNECT", isTunnelRequest });
      assert.deepEqual([head.status, head.bodyKind, head.contentLength], [200, BODY_TUNNEL, -1]);
    }
  });

  it("open it as 101 does (RFC 8441 section 5)", () => {
    const { head } = read("200", LENGTH_5, { isTunnelRequest: true });
    assert.deepEqual(
      [head.status, head.reason, head.bodyKind, head.contentLength],
      [101, "Switching Protocols", BODY_TUNNEL, -1],
    );
  });

  it("are ordinary ones when they decline", () => {
    assertBody(read("403", LENGTH_5, { method: "CONNECT" }), BODY_LENGTH, 5);
    assertBody(read("403", LENGTH_5, { isTunnelRequest: true }), BODY_LENGTH, 5);
    assertBody(read("103", [], { isTunnelRequest: true }), BODY_NONE, -1);
  });
});
