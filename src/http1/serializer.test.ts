import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf } from "../../test/support/http1-recorder.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";
import {
  chunkStart,
  lastChunk,
  serializeInterim,
  serializeRequestHead,
  serializeResponseHead,
} from "./serializer.ts";

const ignored = {
  onRequestHead: () => {},
  onRequestEnd: () => {},
  onInterimResponse: () => {},
  onResponseHead: () => {},
  onResponseEnd: () => {},
  onBody: () => {},
};

/** The request as it goes on to the next hop. */
function forwardedRequest(text: string): string {
  const parser = new RequestParser(ignored);
  assert.ok(parser.execute(bytesOf(text), 0, text.length) > 0);
  return serializeRequestHead(parser.head, parser.head.target, parser.head.authority);
}

function parsedResponse(text: string, method = "GET"): ResponseParser {
  const parser = new ResponseParser(ignored);
  parser.expect(method);
  assert.ok(parser.execute(bytesOf(text), 0, text.length) > 0);
  return parser;
}

function forwardedResponse(text: string, method = "GET"): string {
  return serializeResponseHead(parsedResponse(text, method).head, true, "");
}

describe("serializeRequestHead", () => {
  it("writes Host first, fields as they came, and framing anew", () => {
    const text =
      "POST /a HTTP/1.0\r\nx-ODD-case:1\r\nHOST: h\r\nContent-length: 007, 7\r\nConnection: keep-alive\r\nB: 2\r\n\r\n";
    assert.equal(
      forwardedRequest(text),
      "POST /a HTTP/1.1\r\nHost: h\r\nx-ODD-case: 1\r\nB: 2\r\nContent-Length: 7\r\n\r\n",
    );
  });

  it("writes Transfer-Encoding for a chunked body, never with Content-Length", () => {
    const text = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n";
    const chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.equal(forwardedRequest(text), chunked);
  });

  it("keeps a Content-Length of 0 and adds none of its own (RFC 9110 section 8.6)", () => {
    const length = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    assert.equal(forwardedRequest(length), length);
    const none = "POST / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert.equal(forwardedRequest(none), none);
  });

  it("names TE in Connection (RFC 9110 section 10.1.4)", () => {
    const text = "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n";
    assert.equal(
      forwardedRequest(text),
      "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
    );
  });

  it("writes an empty Host where there is no authority (RFC 9112 section 3.2)", () => {
    assert.equal(forwardedRequest("GET / HTTP/1.0\r\n\r\n"), "GET / HTTP/1.1\r\nHost: \r\n\r\n");
  });
});

describe("serializeResponseHead", () => {
  it("writes the version of this hop, the reason and the fields as they came", () => {
    const text = "HTTP/1.0 404 Gone Fishing\r\nx-A: 1\r\nContent-Length: 2\r\n\r\n";
    const expected = "HTTP/1.1 404 Gone Fishing\r\nx-A: 1\r\nContent-Length: 2\r\n\r\n";
    assert.equal(forwardedResponse(text), expected);
    assert.equal(forwardedResponse("HTTP/1.1 204\r\n\r\n"), "HTTP/1.1 204 \r\n\r\n");
  });

  it("sends a body that ended with its connection in chunks, or as it is to HTTP/1.0", () => {
    const { head } = parsedResponse("HTTP/1.1 200 OK\r\n\r\n");
    assert.equal(
      serializeResponseHead(head, true, ""),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert.equal(
      serializeResponseHead(head, false, "Connection: close\r\n"),
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    );
  });

  it("keeps Content-Length in answers to HEAD and in 304, drops it from 204 (RFC 9110 section 8.6)", () => {
    const length = "Content-Length: 9\r\n\r\n";
    assert.equal(
      forwardedResponse(`HTTP/1.1 200 OK\r\n${length}`, "HEAD"),
      `HTTP/1.1 200 OK\r\n${length}`,
    );
    assert.equal(forwardedResponse(`HTTP/1.1 304 NM\r\n${length}`), `HTTP/1.1 304 NM\r\n${length}`);
    assert.equal(forwardedResponse(`HTTP/1.1 204 NC\r\n${length}`), "HTTP/1.1 204 NC\r\n\r\n");
  });

  it("writes no framing for an answer to HEAD that would have been chunked", () => {
    const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.equal(forwardedResponse(text, "HEAD"), "HTTP/1.1 200 OK\r\n\r\n");
  });
});

describe("serializeInterim", () => {
  it("writes neither framing nor connection fields (RFC 9110 section 8.6)", () => {
    const text =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 5\r\nConnection: close\r\nKeep-Alive: timeout=1\r\n\r\n";
    const { head } = parsedResponse(text);
    assert.equal(serializeInterim(head), "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  });
});

describe("chunks", () => {
  it("begin with their size", () => {
    assert.deepEqual([1, 16, 65_536].map(chunkStart), ["1\r\n", "10\r\n", "10000\r\n"]);
  });

  it("end with a trailer section, from which forbidden fields are dropped (RFC 9110 section 6.5.1)", () => {
    assert.equal(lastChunk(undefined), "0\r\n\r\n");
    const forbidden = [
      ...["Content-Length", "transfer-ENCODING", "Host", "Connection", "TE", "Trailer", "Upgrade"],
      ...[
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "Content-Encoding",
        "Content-Type",
        "Content-Range",
      ],
      ...[
        "X-Forwarded-For",
        "x-forwarded-client-cert",
        "X-Envoy-Internal",
        "X-Request-Id",
        "Expect",
      ],
    ];
    const kept = "grpc-status: 0\r\nServer-Timing: a\r\n";
    const text = `${forbidden.map((name) => `${name}: x\r\n`).join("")}${kept}`;
    const parser = new ResponseParser({
      ...ignored,
      onResponseEnd: (trailers: HeaderBlock | undefined) => {
        assert.equal(lastChunk(trailers), `0\r\n${kept}\r\n`);
      },
    });
    parser.expect("GET");
    const message = bytesOf(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${text}\r\n`,
    );
    assert.equal(parser.execute(message, 0, message.length), message.length);
  });

  it("end plainly when every trailer field was forbidden", () => {
    const trailers = new HeaderBlock();
    trailers.text = "Host: a\r\n";
    trailers.push(4, 0, 4, 6, 7);
    assert.equal(lastChunk(trailers), "0\r\n\r\n");
  });
});
