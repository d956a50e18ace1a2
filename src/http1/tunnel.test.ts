import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf } from "../../test/support/http1-recorder.ts";
import { BODY_LENGTH, BODY_NONE, BODY_TUNNEL } from "../http/request-head.ts";
import { parseErrorInfo } from "./errors.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";
import { serializeRequestHead, serializeTunnelHead } from "./serializer.ts";

const WEBSOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\n${WEBSOCKET}\r\n`;
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

function requestParser(text: string) {
  const seen = { heads: 0, bytes: "", ends: 0 };
  const parser = new RequestParser({
    onRequestHead: () => {
      seen.heads += 1;
    },
    onBody: (bytes, start, end) => {
      seen.bytes += bytes.toString("latin1", start, end);
    },
    onRequestEnd: () => {
      seen.ends += 1;
    },
  });
  const used = parser.execute(bytesOf(text), 0, text.length);
  return { parser, head: parser.head, seen, used };
}

function responseParser(text: string, method: string, upgrade: string) {
  const seen = { heads: 0, interim: 0, bytes: "", ends: 0 };
  const parser = new ResponseParser({
    onInterimResponse: () => {
      seen.interim += 1;
    },
    onResponseHead: () => {
      seen.heads += 1;
    },
    onBody: (bytes, start, end) => {
      seen.bytes += bytes.toString("latin1", start, end);
    },
    onResponseEnd: () => {
      seen.ends += 1;
    },
  });
  parser.expect(method, upgrade);
  const used = parser.execute(bytesOf(text), 0, text.length);
  return { parser, head: parser.head, seen, used };
}

describe("requests that become tunnels (T9)", () => {
  for (const [what, start] of [
    ["an Upgrade", `GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n${WEBSOCKET}\r\n`],
    ["CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"],
  ] as const) {
    it(`takes nothing behind ${what} for a request`, () => {
      const { parser, head, seen, used } = requestParser(start + SMUGGLED);
      assert.equal(head.bodyKind, BODY_TUNNEL);
      assert.equal(head.contentLength, -1);
      assert.equal(head.keepAlive, false);
      assert.equal(used, start.length + SMUGGLED.length);
      assert.deepEqual(seen, { heads: 1, bytes: SMUGGLED, ends: 0 });
      assert.ok(parser.isMidMessage);
      assert.ok(parser.finish());
      assert.equal(seen.ends, 1);
      assert.equal(parser.finish(), false);
    });
  }

  it("pass over an Upgrade with content, whose request ends where its content does", () => {
    const { head, seen, used } = requestParser(
      `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n${WEBSOCKET}\r\nab${SMUGGLED}`,
    );
    assert.equal(head.bodyKind, BODY_LENGTH);
    assert.equal(head.upgrade, "");
    assert.equal(head.keepAlive, false);
    assert.equal(seen.bytes, "ab");
    assert.ok(used > 0);
    assert.doesNotMatch(serializeRequestHead(head, "/", "h"), /upgrade/i);
  });

  it("refuse CONNECT with content (RFC 9110 section 9.3.6)", () => {
    for (const [field, code] of [
      ["Content-Length: 1", "content_length_invalid"],
      ["Transfer-Encoding: chunked", "transfer_encoding_invalid"],
    ] as const) {
      const { used } = requestParser(`CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n${field}\r\n\r\n`);
      assert.equal(parseErrorInfo(used).code, code);
    }
  });

  it("are written with one Connection and one Upgrade, whatever came", () => {
    const { head } = requestParser(
      `GET /a HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\nUpgrade: other\r\nA: 1\r\n\r\n`,
    );
    assert.equal(
      serializeRequestHead(head, "/a", "h"),
      `GET /a HTTP/1.1\r\nHost: h\r\nA: 1\r\n${WEBSOCKET}\r\n`,
    );
  });

  it("keep TE beside Upgrade in Connection (RFC 9110 section 10.1.4)", () => {
    const { head } = requestParser(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, TE\r\nTE: trailers\r\nUpgrade: x\r\n\r\n",
    );
    assert.equal(
      serializeRequestHead(head, "/", "h"),
      "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: Upgrade, TE\r\nUpgrade: x\r\n\r\n",
    );
  });

  it("are written without both for CONNECT", () => {
    const { head } = requestParser(`CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n${WEBSOCKET}\r\n`);
    assert.equal(head.upgrade, "");
    assert.equal(
      serializeRequestHead(head, "h:1", "h:1"),
      "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
    );
  });
});

describe("answers that open tunnels", () => {
  it("are final, and every byte behind them is the tunnel's", () => {
    const { parser, head, seen } = responseParser(
      `${SWITCH}HTTP/1.1 200 OK\r\n`,
      "GET",
      "WebSocket",
    );
    assert.equal(head.bodyKind, BODY_TUNNEL);
    assert.equal(head.keepAlive, false);
    assert.deepEqual(seen, { heads: 1, interim: 0, bytes: "HTTP/1.1 200 OK\r\n", ends: 0 });
    assert.ok(parser.finish());
    assert.equal(seen.ends, 1);
  });

  it("may follow interim answers", () => {
    const { seen } = responseParser(`HTTP/1.1 103 E\r\n\r\n${SWITCH}x`, "GET", "websocket");
    assert.deepEqual(seen, { heads: 1, interim: 1, bytes: "x", ends: 0 });
  });

  it("are refused where nobody asked, or another protocol was asked for (RFC 9110 section 15.2.2)", () => {
    for (const [answer, upgrade] of [
      [SWITCH, ""],
      [SWITCH, "other"],
      ["HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n", "websocket"],
      ["HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n", "websocket"],
    ] as const) {
      const { used, seen } = responseParser(answer, "GET", upgrade);
      assert.equal(parseErrorInfo(used).code, "status_line_invalid");
      assert.equal(seen.heads + seen.interim, 0);
    }
  });

  it("are all 2xx to CONNECT, framing fields ignored (RFC 9112 section 6.3)", () => {
    for (const fields of ["", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n"]) {
      const { head, seen } = responseParser(`HTTP/1.1 204 N\r\n${fields}\r\nabc`, "CONNECT", "");
      assert.equal(head.bodyKind, BODY_TUNNEL);
      assert.equal(head.contentLength, -1);
      assert.equal(seen.bytes, "abc");
      assert.equal(serializeTunnelHead(head, ""), "HTTP/1.1 204 No Content\r\n\r\n");
    }
  });

  it("leave other answers as they are", () => {
    const refused = "HTTP/1.1 426 U\r\nContent-Length: 2\r\n\r\nno";
    const { head, seen } = responseParser(refused, "GET", "websocket");
    assert.equal(head.bodyKind, BODY_LENGTH);
    assert.deepEqual(seen, { heads: 1, interim: 0, bytes: "no", ends: 1 });
    const none = responseParser("HTTP/1.1 503 S\r\nContent-Length: 0\r\n\r\n", "CONNECT", "");
    assert.equal(none.head.bodyKind, BODY_NONE);
  });

  it("are written with the protocol that was asked for", () => {
    const { head } = responseParser(
      SWITCH.replace("\r\n\r\n", "\r\nA: 1\r\n\r\n"),
      "GET",
      "websocket",
    );
    assert.equal(
      serializeTunnelHead(head, "websocket"),
      `HTTP/1.1 101 Switching Protocols\r\nA: 1\r\n${WEBSOCKET}\r\n`,
    );
  });
});
