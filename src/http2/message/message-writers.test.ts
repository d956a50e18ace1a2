/** What heads of any origin become on the wire of HTTP/2. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blockOf, fieldOf } from "../../../test/support/header-fixture.ts";
import { fieldsIn, MessagePipe } from "../../../test/support/http2-message-fixture.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { BODY_CHUNKED, BODY_NONE, BODY_TUNNEL, RequestHead } from "../../http/request-head.ts";
import { ResponseHead } from "../../http/response-head.ts";

/** What no message of HTTP/2 has, and what is written anew. */
const FORBIDDEN = [
  ...["Connection: x", "Keep-Alive: 5", "Proxy-Connection: x", "Transfer-Encoding: chunked"],
  ...["Upgrade: h2c", "HTTP2-Settings: x", "TE: gzip", "Host: bank", "Content-Length: 7"],
];

function requestWith(values: Partial<RequestHead>, lines = ""): RequestHead {
  const defaults = { method: "GET", target: "/a", authority: "shop" };
  return Object.assign(new RequestHead(), defaults, { headers: blockOf(lines) }, values);
}

function responseWith(values: Partial<ResponseHead>, lines = ""): ResponseHead {
  return Object.assign(new ResponseHead(), { headers: blockOf(lines) }, values);
}

function written(head: RequestHead): string[] {
  const pipe = new MessagePipe();
  return fieldsIn(pipe, pipe.writeRequest(head));
}

function writtenResponse(head: ResponseHead): string[] {
  const pipe = new MessagePipe();
  return fieldsIn(pipe, pipe.writeResponse(head));
}

function addForbidden(headers: HeaderBlock): void {
  for (const line of FORBIDDEN) {
    const [name = "", value = ""] = line.split(": ");
    headers.add(fieldOf(name, value));
  }
}

const PSEUDO = [":method: GET", ":scheme: https", ":authority: shop", ":path: /a"];

describe("writeRequest", () => {
  it("puts pseudo-header fields first and names in lower case", () => {
    const head = requestWith({ bodyKind: BODY_CHUNKED }, "X-Odd: 1\r\nAccept:  */* \r\n");
    head.headers.add(fieldOf("X-Added", "  2\t"));
    assert.deepEqual(written(head), [...PSEUDO, "x-odd: 1", "accept: */*", "x-added: 2"]);
  });

  it("writes length and TE anew, and nothing of the connection, arrived or added", () => {
    const head = requestWith({}, `${FORBIDDEN.join("\r\n")}\r\nX-A: 1\r\n`);
    addForbidden(head.headers);
    assert.deepEqual(written(head), [...PSEUDO, "x-a: 1"]);
    head.contentLength = 0;
    head.acceptsTrailers = true;
    const own = ["te: trailers", "content-length: 0"];
    assert.deepEqual(written(head), [...PSEUDO, "x-a: 1", ...own]);
  });

  it("leaves out an authority that nobody gave", () => {
    const expected = [":method: GET", ":scheme: https", ":path: /a"];
    assert.deepEqual(written(requestWith({ authority: "" })), expected);
  });

  it("writes what the target was made into", () => {
    const pipe = new MessagePipe();
    const block = pipe.writeRequest(requestWith({}), "/b?c", "bank:1");
    assert.deepEqual(fieldsIn(pipe, block).slice(2), [":authority: bank:1", ":path: /b?c"]);
  });

  it("writes CONNECT with its target alone (RFC 9113 section 8.5)", () => {
    const values = { method: "CONNECT", target: "db:1", bodyKind: BODY_TUNNEL } as const;
    assert.deepEqual(written(requestWith(values)), [":method: CONNECT", ":authority: db:1"]);
  });

  it("writes an Upgrade as extended CONNECT (RFC 8441)", () => {
    const head = requestWith({ upgrade: "WebSocket", bodyKind: BODY_TUNNEL });
    const [, ...place] = PSEUDO;
    assert.deepEqual(written(head), [":method: CONNECT", ...place, ":protocol: websocket"]);
  });

  it("does not write an Upgrade that is not asked for", () => {
    assert.deepEqual(written(requestWith({ upgrade: "websocket", bodyKind: BODY_NONE })), PSEUDO);
  });
});

describe("writeResponse", () => {
  it("writes length anew, and nothing of the connection, arrived or added", () => {
    const head = responseWith({ status: 200 }, `${FORBIDDEN.join("\r\n")}\r\nX-A: 1\r\n`);
    addForbidden(head.headers);
    assert.deepEqual(writtenResponse(head), [":status: 200", "x-a: 1"]);
    head.contentLength = 7;
    assert.deepEqual(writtenResponse(head), [":status: 200", "x-a: 1", "content-length: 7"]);
  });

  it("has no length in 1xx, 204 and what opens a tunnel", () => {
    for (const status of [100, 103, 204]) {
      const head = responseWith({ status, contentLength: 7 });
      assert.deepEqual(writtenResponse(head), [`:status: ${status}`]);
    }
    for (const status of [101, 200]) {
      const head = responseWith({ status, contentLength: 7, bodyKind: BODY_TUNNEL });
      assert.deepEqual(writtenResponse(head), [":status: 200"]);
    }
    const unmodified = responseWith({ status: 304, contentLength: 7 });
    assert.deepEqual(writtenResponse(unmodified), [":status: 304", "content-length: 7"]);
  });

  it("has room for any status and the longest length", () => {
    const head = responseWith({ status: 599, contentLength: 999_999_999_999_999 });
    assert.deepEqual(writtenResponse(head), [":status: 599", "content-length: 999999999999999"]);
  });
});
