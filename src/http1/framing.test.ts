/** T1, T2, T9 and T25: how long a message is and which fields pass on, in both directions. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf, recordRequests, recordResponse } from "../../test/support/http1-recorder.ts";
import { CONNECTION_OPTIONS_MAX } from "../core/limits.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from "../http/request-head.ts";

function request(fields: string, body = "", line = "POST / HTTP/1.1") {
  return recordRequests([bytesOf(`${line}\r\nHost: a\r\n${fields}\r\n${body}`)]);
}

function response(fields: string, body = "", line = "HTTP/1.1 200 OK") {
  return recordResponse([bytesOf(`${line}\r\n${fields}\r\n${body}`)]);
}

/** Refused in both directions, with no message delivered. */
function assertRefused(fields: string, code: string, status = 400): void {
  for (const recorded of [request(fields), response(fields)]) {
    assert.equal(recorded.error, code, JSON.stringify(fields));
    assert.equal(recorded.errorStatus, status);
    assert.deepEqual(recorded.messages, []);
  }
}

describe("Content-Length (RFC 9110 section 8.6, T2)", () => {
  const REFUSED = [
    ...["", "+5", "-0", "-5", "0x5", "5,6", "5 5", "5;", "5.0", "1e3", "five", "5,", ",5", "5,,5"],
    ...["5\t5", "\xa05", "5\xa0,5", "\xb2", "12345678901234567890", "9007199254740993"],
  ];
  for (const value of REFUSED) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assertRefused(`Content-Length: ${value}\r\n`, "content_length_invalid");
    });
  }

  it("refuses two fields that differ, in any spelling", () => {
    assertRefused("Content-Length: 5\r\nContent-Length: 6\r\n", "content_length_invalid");
    assertRefused(
      "Content-Length: 5\r\nX: y\r\ncontent-LENGTH: 5, 7\r\n",
      "content_length_invalid",
    );
    assertRefused("Content-Length: 0\r\nContent-Length: 1\r\n", "content_length_invalid");
    assertRefused("Content-Length: 5\r\nContent-Length:\r\n", "content_length_invalid");
  });

  const MERGED = ["5", "05", "5,5", "5, 5", "5\t,\t5, 5", "5\r\nContent-Length: 5"];
  for (const value of MERGED) {
    it(`reads ${JSON.stringify(value)} as 5 and does not pass it on as it came`, () => {
      const fields = `Content-Length: ${value}\r\nX: y\r\n`;
      for (const recorded of [request(fields, "hello"), response(fields, "hello")]) {
        assert.equal(recorded.error, "");
        const message = recorded.messages[0];
        assert.equal(message?.bodyKind, BODY_LENGTH);
        assert.equal(message?.contentLength, 5);
        assert.equal(message?.body, "hello");
        assert.equal(message?.lines, "X: y\r\n");
        assert.ok(message?.isComplete);
      }
    });
  }

  it("ends a message with length 0 at its head", () => {
    for (const recorded of [request("Content-Length: 0\r\n"), response("Content-Length: 0\r\n")]) {
      assert.equal(recorded.messages[0]?.bodyKind, BODY_NONE);
      assert.equal(recorded.messages[0]?.contentLength, 0);
      assert.ok(recorded.messages[0]?.isComplete);
    }
  });

  it("counts a length beyond 2^32 exactly", () => {
    const { messages } = request("Content-Length: 281474976710657\r\n", "x");
    assert.equal(messages[0]?.contentLength, 281_474_976_710_657);
    assert.equal(messages[0]?.isComplete, false);
  });
});

describe("Transfer-Encoding (RFC 9112 section 6.1, T1)", () => {
  const INVALID = [
    ...[
      "chunked, chunked",
      "chunked, gzip",
      "chunked,",
      ",chunked",
      "chunked;q=1",
      "",
      "chunked chunked",
    ],
    ...[
      "\xa0chunked",
      "chunked\xa0",
      '"chunked"',
      "chunked, identity",
      "gzip;x=1, chunked",
      "chun ked",
    ],
  ];
  for (const value of INVALID) {
    it(`refuses ${JSON.stringify(value)} with 400`, () => {
      assertRefused(`Transfer-Encoding: ${value}\r\n`, "transfer_encoding_invalid");
    });
  }

  for (const value of ["gzip", "identity", "gzip, chunked", "xchunked", "chunkedchunked", "x"]) {
    it(`refuses ${value} with 501: the coding is not understood`, () => {
      assertRefused(`Transfer-Encoding: ${value}\r\n`, "transfer_encoding_unknown", 501);
    });
  }

  it("refuses control characters around the coding (T4)", () => {
    for (const value of ["\x0bchunked", "chunked\x00", "\x0cchunked"]) {
      assertRefused(`Transfer-Encoding: ${value}\r\n`, "field_value_invalid");
    }
  });

  it("refuses a second field, whichever it is", () => {
    const chunked = "Transfer-Encoding: chunked\r\n";
    assertRefused(chunked + chunked, "transfer_encoding_invalid");
    assertRefused(`${chunked}transfer-encoding: identity\r\n`, "transfer_encoding_invalid");
    assertRefused(`Transfer-Encoding: identity\r\n${chunked}`, "transfer_encoding_unknown", 501);
  });

  it("refuses it together with Content-Length, in any order and spelling", () => {
    const names = ["Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING"];
    for (const name of names) {
      for (const length of ["0", "5"]) {
        const [te, cl] = [`${name}: chunked\r\n`, `Content-Length: ${length}\r\n`];
        assertRefused(te + cl, "length_and_encoding");
        assertRefused(`${cl}X: y\r\n${te}`, "length_and_encoding");
      }
    }
  });

  it("refuses it in HTTP/1.0, where it is faulty framing", () => {
    const fields = "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n";
    assert.equal(request(fields, "", "POST / HTTP/1.0").error, "transfer_encoding_invalid");
    assert.equal(response(fields, "", "HTTP/1.0 200 OK").error, "transfer_encoding_invalid");
  });

  it("does not take a like-named field for it", () => {
    for (const name of ["Transfer_Encoding", "X-Transfer-Encoding", "Transfer-Encoding2"]) {
      const { messages } = request(`${name}: chunked\r\n`);
      assert.equal(messages[0]?.bodyKind, BODY_NONE);
    }
  });

  it("reads chunks for chunked in any case and drops the field", () => {
    for (const value of ["chunked", "Chunked", "\tCHUNKED \t"]) {
      const fields = `Transfer-Encoding:${value}\r\nX: y\r\n`;
      const body = "5\r\nhello\r\n0\r\n\r\n";
      for (const recorded of [request(fields, body), response(fields, body)]) {
        assert.equal(recorded.messages[0]?.bodyKind, BODY_CHUNKED);
        assert.equal(recorded.messages[0]?.body, "hello");
        assert.equal(recorded.messages[0]?.lines, "X: y\r\n");
      }
    }
  });

  it("leaves no smuggled request over the whole matrix of both fields", () => {
    const codings = [
      "chunked",
      " chunked",
      "x, chunked",
      "chunked, x",
      "chunked\r\n x",
      "\x0bchunked",
    ];
    const lengths = ["0", "6", "6, 6", "+6", "0x6", " 6"];
    const smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const te of codings) {
      for (const cl of lengths) {
        for (const space of ["", " ", "\t"]) {
          const fields = `Transfer-Encoding${space}: ${te}\r\nContent-Length: ${cl}\r\n`;
          const { messages, error } = request(fields, smuggled);
          assert.notEqual(error, "", fields);
          assert.deepEqual(messages, []);
        }
      }
    }
  });
});

describe("Connection (RFC 9110 section 7.6.1)", () => {
  it("drops the fields it names and itself", () => {
    const fields = "Connection: close, X-Foo\r\nX-Foo: 1\r\nx-foo: 2\r\nX-Food: 3\r\n";
    for (const recorded of [request(fields), response(`${fields}Content-Length: 0\r\n`)]) {
      assert.equal(recorded.messages[0]?.lines, "X-Food: 3\r\n");
      assert.equal(recorded.messages[0]?.keepAlive, false);
    }
  });

  it("reads all its fields and skips empty elements", () => {
    const fields =
      "A: 1\r\nConnection: ,a,\r\nB: 2\r\nConnection:\r\nConnection: B ,\tC\r\nc: 3\r\nD: 4\r\n";
    assert.equal(request(fields).messages[0]?.lines, "D: 4\r\n");
  });

  it("drops trailer fields it names", () => {
    const fields = "Connection: x-foo\r\nTransfer-Encoding: chunked\r\n";
    const body = "0\r\nX-Foo: 1\r\nX-Bar: 2\r\n\r\n";
    for (const recorded of [request(fields, body), response(fields, body)]) {
      assert.equal(recorded.messages[0]?.trailers, "X-Bar: 2\r\n");
    }
  });

  it("cannot strip what routes, frames or identifies a request (T25)", () => {
    const names = ["authorization", "cookie", "content-type", "cache-control", "via", "forwarded"];
    names.push("x-forwarded-for", "x-forwarded-client-cert", "x-forwarded-anything", "x-real-ip");
    names.push("x-request-id", "traceparent", "tracestate", "x-envoy-internal", "expect");
    const fields = names.map((name) => `${name}: 1\r\n`).join("");
    const recorded = request(`Connection: ${names.join(", ")}\r\n${fields}`);
    assert.equal(recorded.messages[0]?.lines, fields);
  });

  it("cannot strip framing or Host", () => {
    const options = "Connection: content-length, transfer-encoding, host, connection\r\n";
    const recorded = request(`${options}Content-Length: 2\r\n`, "ab");
    assert.equal(recorded.messages[0]?.authority, "a");
    assert.equal(recorded.messages[0]?.body, "ab");
    assert.equal(
      request(`${options}Transfer-Encoding: chunked\r\n`, "0\r\n\r\n").messages.length,
      1,
    );
  });

  it("may hold only so many options: each is looked for among all fields", () => {
    const list = (count: number) => Array.from({ length: count }, (_, i) => `x${i}`).join(",");
    assert.equal(request(`Connection: ${list(CONNECTION_OPTIONS_MAX)}\r\n`).error, "");
    assertRefused(`Connection: ${list(CONNECTION_OPTIONS_MAX + 1)}\r\n`, "connection_invalid");
    assertRefused("Connection: close\r\n".repeat(CONNECTION_OPTIONS_MAX + 1), "connection_invalid");
    assertRefused(`Connection: ${",".repeat(60_000)}\r\n`, "connection_invalid");
  });

  it("drops hop-by-hop fields that it does not name", () => {
    const fields =
      "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nHTTP2-Settings: AA\r\nUpgrade: h2c\r\n";
    assert.equal(request(`${fields}X: 1\r\n`).messages[0]?.lines, "X: 1\r\n");
  });
});

describe("persistence (RFC 9112 section 9.3)", () => {
  const CASES: readonly (readonly [string, string, boolean])[] = [
    ["1.1", "", true],
    ["1.1", "Connection: close\r\n", false],
    ["1.1", "Connection: Close\r\n", false],
    ["1.1", "Connection: keep-alive, close\r\n", false],
    ["1.1", "Connection: keep-alive\r\nConnection: close\r\n", false],
    ["1.1", "Connection: closed\r\n", true],
    ["1.1", "Connection: close\xa0\r\n", true],
    ["1.0", "", false],
    ["1.0", "Connection: keep-alive\r\n", true],
    ["1.0", "Connection: Keep-Alive, x\r\n", true],
    ["1.0", "Connection: keep-alive, close\r\n", false],
    ["1.0", "Proxy-Connection: keep-alive\r\n", false],
  ];
  for (const [version, fields, expected] of CASES) {
    it(`HTTP/${version} ${JSON.stringify(fields)} ${expected ? "persists" : "closes"}`, () => {
      const sent = request(fields, "", `GET / HTTP/${version}`);
      const answered = response(`${fields}Content-Length: 0\r\n`, "", `HTTP/${version} 200 OK`);
      assert.equal(sent.messages[0]?.keepAlive, expected);
      assert.equal(answered.messages[0]?.keepAlive, expected);
    });
  }

  const TIMEOUTS: readonly (readonly [string, number])[] = [
    ["timeout=5", 5000],
    ["Timeout=5, max=100", 5000],
    ["max=100, timeout=60", 60_000],
    ["timeout=0", 1],
    ["max=1", 0],
    ["timeout=", 0],
    ["timeout=-3", 0],
    ["timeout=x", 0],
  ];
  for (const [value, expected] of TIMEOUTS) {
    it(`Keep-Alive: ${value} tells ${expected} ms`, () => {
      const { messages } = response(`Keep-Alive: ${value}\r\nContent-Length: 0\r\n`);
      assert.equal(messages[0]?.keepAliveTimeoutMs, expected);
    });
  }
});

describe("Upgrade (RFC 9110 section 7.8, T9)", () => {
  it("is told when Connection names it, never passed on, and ends persistence", () => {
    const { messages } = request("Upgrade: websocket\r\nConnection: Upgrade\r\nUpgrade: other\r\n");
    assert.equal(messages[0]?.upgrade, "websocket");
    assert.equal(messages[0]?.lines, "");
    assert.equal(messages[0]?.keepAlive, false);
  });

  it("is dropped and means nothing where Connection does not name it", () => {
    for (const fields of ["Upgrade: websocket\r\n", "Connection: x\r\nUpgrade: websocket\r\n"]) {
      const { messages } = request(fields);
      assert.equal(messages[0]?.upgrade, "");
      assert.equal(messages[0]?.lines, "");
      assert.equal(messages[0]?.keepAlive, true);
    }
  });

  it("is ignored for h2c, which Java's client offers with each request", () => {
    const fields =
      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n";
    const { messages } = request(`${fields}Content-Length: 2\r\n`, "ab");
    assert.equal(messages[0]?.upgrade, "");
    assert.equal(messages[0]?.lines, "");
    assert.equal(messages[0]?.body, "ab");
    assert.ok(messages[0]?.keepAlive);
  });

  it("is ignored in HTTP/1.0", () => {
    const fields = "Connection: upgrade, keep-alive\r\nUpgrade: websocket\r\n";
    const { messages } = request(fields, "", "GET / HTTP/1.0");
    assert.equal(messages[0]?.upgrade, "");
    assert.ok(messages[0]?.keepAlive);
  });
});

describe("TE, Trailer and Expect", () => {
  it("keeps TE: trailers and nothing else of TE (RFC 9110 section 10.1.4)", () => {
    assert.equal(request("TE: Trailers\r\n").messages[0]?.lines, "TE: Trailers\r\n");
    assert.ok(request("Connection: TE\r\nTE: trailers\r\n").messages[0]?.acceptsTrailers);
    for (const value of ["gzip", "trailers, gzip", "trailers;q=0", ""]) {
      const { messages } = request(`TE: ${value}\r\n`);
      assert.equal(messages[0]?.lines, "");
      assert.equal(messages[0]?.acceptsTrailers, false);
    }
  });

  it("passes Trailer on, which is end-to-end (RFC 9110 section 6.6.2)", () => {
    assert.equal(request("Trailer: X-T\r\n").messages[0]?.lines, "Trailer: X-T\r\n");
  });

  it("knows an Expect that makes the client wait, and passes it on (RFC 9110 section 10.1.1)", () => {
    for (const value of ["100-continue", "100-Continue", "100-continue, x"]) {
      const { messages } = request(`Expect: ${value}\r\nContent-Length: 1\r\n`);
      assert.ok(messages[0]?.expectsContinue);
      assert.equal(messages[0]?.lines, `Expect: ${value}\r\n`);
    }
    assert.equal(request("Expect: x\r\n").messages[0]?.expectsContinue, false);
    const old = request("Expect: 100-continue\r\n", "", "POST / HTTP/1.0");
    assert.equal(old.messages[0]?.expectsContinue, false);
  });
});
