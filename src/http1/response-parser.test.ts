/** T4 and T10: status lines, interim answers, bodies by rule of RFC 9112 section 6.3, surplus bytes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  bytesOf,
  recordResponse,
  singleBytes,
  splitAt,
} from "../../test/support/http1-recorder.ts";
import {
  HEAD_SIZE_BYTES_MAX,
  INTERIM_RESPONSES_MAX,
  START_LINE_BYTES_MAX,
} from "../core/limits.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "../http/request-head.ts";
import { parseErrorInfo } from "./errors.ts";
import { ResponseParser } from "./response-parser.ts";

function parse(text: string, method = "GET") {
  return recordResponse([bytesOf(text)], method);
}

function assertRefused(text: string, code: string): void {
  const recorded = parse(text);
  assert.equal(recorded.error, code, JSON.stringify(text));
  assert.deepEqual(recorded.messages, []);
}

describe("status line (RFC 9112 section 4)", () => {
  const READ: readonly (readonly [string, number, string])[] = [
    ["HTTP/1.1 200 OK", 200, "OK"],
    ["HTTP/1.1 200 ", 200, ""],
    ["HTTP/1.1 200", 200, ""],
    ["HTTP/1.0 599 Odd  one", 599, "Odd  one"],
    ["HTTP/1.1 404 Nicht gefunden \xfc", 404, "Nicht gefunden \xfc"],
    ["HTTP/1.1 200  OK", 200, " OK"],
    ["HTTP/1.1 200 \tOK", 200, "\tOK"],
  ];
  for (const [line, status, reason] of READ) {
    it(`reads ${JSON.stringify(line)}`, () => {
      const [message] = parse(`${line}\r\nContent-Length: 0\r\n\r\n`).messages;
      assert.deepEqual([message?.status, message?.reason], [status, reason]);
      assert.equal(message?.minorVersion, line.startsWith("HTTP/1.1") ? 1 : 0);
    });
  }

  const REFUSED: Readonly<Record<string, readonly string[]>> = {
    status_line_invalid: [
      ...[
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 2x0 OK",
      ],
      ...[
        "HTTP/1.1 099 Low",
        "HTTP/1.1 600 High",
        "HTTP/1.1 000 Zero",
        "HTTP/1.1 -20 Odd",
        "HTTP/1.1 200OK",
      ],
      ...[
        "http/1.1 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP 200 OK",
        "ICY 200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.10 200 OK",
      ],
      ...[
        "HTTP/1.1 200 O\x00K",
        "HTTP/1.1 200 O\x7fK",
        "\r\nHTTP/1.1 200 OK",
        "",
        "HTTP/1.1 200\x0bOK",
      ],
    ],
    version_unsupported: ["HTTP/1.2 200 OK", "HTTP/1.9 200 OK"],
    line_end_invalid: [
      "HTTP/1.1 200 OK\rX: y",
      "HTTP/1.1 200 OK\r",
      "HTTP/1.1 200\n",
      "HTTP/1.1 200 OK\nX: y",
    ],
  };
  for (const [code, lines] of Object.entries(REFUSED)) {
    for (const line of lines) {
      it(`refuses ${JSON.stringify(line)} as ${code}`, () => {
        assertRefused(`${line}\r\nContent-Length: 0\r\n\r\n`, code);
      });
    }
  }

  it("refuses nonsense at the first wrong byte", () => {
    for (const start of [
      "h",
      "HTTP/2",
      "HTTP/1.1\t",
      "HTTP/1.1 2x",
      "HTTP/1.1 6",
      "HTTP/1.100\r\nX",
    ]) {
      assert.notEqual(parse(start).error, "", start);
    }
  });

  it("refuses a line longer than the bound, wherever it is cut", () => {
    const reason = "r".repeat(START_LINE_BYTES_MAX - "HTTP/1.1 200 \r\n".length);
    const rest = "\r\nContent-Length: 0\r\n\r\n";
    assert.equal(parse(`HTTP/1.1 200 ${reason}${rest}`).error, "");
    const long = bytesOf(`HTTP/1.1 200 ${reason}r${rest}`);
    for (const cut of [0, 13, 20, START_LINE_BYTES_MAX - 1, START_LINE_BYTES_MAX]) {
      assert.equal(recordResponse(splitAt(long, [cut])).error, "status_line_invalid");
    }
  });
});

describe("header section", () => {
  const REFUSED: Readonly<Record<string, string>> = {
    "X: a\nY: b\r\n": "line_end_invalid",
    "X: a\rY: b\r\n": "line_end_invalid",
    "X: a\r\r\n": "line_end_invalid",
    "X: a\r\n b\r\n": "field_folded",
    " X: a\r\n": "field_folded",
    "X : a\r\n": "field_name_invalid",
    ": a\r\n": "field_name_invalid",
    "X\r\n": "line_end_invalid",
    "X: a\x00\r\n": "field_value_invalid",
  };
  for (const [fields, code] of Object.entries(REFUSED)) {
    it(`refuses ${JSON.stringify(fields)} as ${code} (T3, T4)`, () => {
      assertRefused(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`, code);
    });
  }

  it("passes Host on, even twice: it means nothing in an answer", () => {
    const [message] = parse(
      "HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
    ).messages;
    assert.equal(message?.lines, "Host: a\r\nHost: b\r\n");
  });

  it("may be as large as the bound and no larger, wherever it is cut", () => {
    const start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
    for (const [extra, code] of [
      [0, ""],
      [1, "head_too_large"],
    ] as const) {
      const filler = "v".repeat(HEAD_SIZE_BYTES_MAX - start.length - 4 + extra);
      const bytes = bytesOf(`${start}${filler}\r\n\r\n`);
      for (const cut of [0, 1, 14, 100, HEAD_SIZE_BYTES_MAX - 1, HEAD_SIZE_BYTES_MAX]) {
        assert.equal(recordResponse(splitAt(bytes, [cut])).error, code);
      }
    }
  });
});

describe("body length (RFC 9112 section 6.3)", () => {
  it("is none for HEAD, 204 and 304, whatever the fields say", () => {
    const length = "Content-Length: 5\r\n";
    const chunked = "Transfer-Encoding: chunked\r\n";
    for (const fields of [length, chunked]) {
      for (const [method, status] of [
        ["HEAD", 200],
        ["GET", 204],
        ["GET", 304],
        ["HEAD", 404],
      ] as const) {
        const recorded = parse(`HTTP/1.1 ${status} X\r\n${fields}\r\n`, method);
        assert.equal(recorded.messages[0]?.bodyKind, BODY_NONE);
        assert.ok(recorded.messages[0]?.isComplete);
        assert.equal(recorded.messages[0]?.contentLength, fields === length ? 5 : -1);
      }
    }
  });

  it("still refuses both length fields there", () => {
    const fields = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    for (const [method, status] of [
      ["HEAD", 200],
      ["GET", 304],
      ["GET", 103],
    ] as const) {
      assert.equal(
        parse(`HTTP/1.1 ${status} X\r\n${fields}\r\n`, method).error,
        "length_and_encoding",
      );
    }
  });

  it("is read by Content-Length, by chunks, or until the connection ends", () => {
    const byLength = parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
    assert.equal(byLength.messages[0]?.bodyKind, BODY_LENGTH);
    const byChunks = parse(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    );
    assert.equal(byChunks.messages[0]?.bodyKind, BODY_CHUNKED);
    const byEnd = parse("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nab");
    assert.equal(byEnd.messages[0]?.bodyKind, BODY_UNTIL_CLOSE);
    for (const { messages, isMidMessage, error } of [byLength, byChunks, byEnd]) {
      assert.equal(messages[0]?.body, "ab");
      assert.ok(messages[0]?.isComplete);
      assert.deepEqual([isMidMessage, error], [false, ""]);
    }
    assert.deepEqual(
      [byLength, byChunks, byEnd].map(({ messages }) => messages[0]?.keepAlive),
      [true, true, false],
    );
  });

  it("is not complete when the connection ends before its length (RFC 9112 section 8)", () => {
    for (const text of [
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
      "",
    ]) {
      assert.ok(parse(text).isMidMessage, JSON.stringify(text));
    }
  });
});

describe("interim answers (RFC 9110 section 15.2)", () => {
  it("come before the final one, without bodies and framing", () => {
    const { messages } = parse(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 3\r\n\r\n" +
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz",
    );
    assert.deepEqual(
      messages.map((m) => [m.status, m.lines, m.body]),
      [
        [100, "", ""],
        [103, "Link: x\r\n", ""],
        [200, "", "z"],
      ],
    );
  });

  it("may be so many and no more (T10)", () => {
    const final = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(INTERIM_RESPONSES_MAX);
    assert.equal(parse(flood + final).error, "");
    const more = parse(`${flood}HTTP/1.1 103 Early Hints\r\n\r\n${final}`);
    assert.equal(more.error, "too_many_interim");
    assert.equal(more.messages.length, INTERIM_RESPONSES_MAX);
  });

  it("do not include 101: no Upgrade is ever passed on (T9)", () => {
    assertRefused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "status_line_invalid");
  });
});

describe("surplus bytes (T10)", () => {
  const ANSWERS = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ];
  for (const answer of ANSWERS) {
    it(`end the connection behind ${JSON.stringify(answer)}, whose answer counts`, () => {
      const injected = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
      for (const surplus of ["\r\n", "x", injected]) {
        const bytes = bytesOf(answer + surplus);
        for (const reads of [[bytes], singleBytes(bytes), splitAt(bytes, [answer.length])]) {
          const recorded = recordResponse(reads);
          assert.equal(recorded.error, "unexpected_bytes");
          assert.equal(recorded.messages.length, 1);
          assert.ok(recorded.messages[0]?.isComplete);
        }
      }
    });
  }

  it("clear keepAlive before the end is told, so that the connection is not given back", () => {
    const seen: boolean[] = [];
    const parser: ResponseParser = new ResponseParser({
      onInterimResponse: () => {},
      onResponseHead: (head) => seen.push(head.keepAlive),
      onBody: () => {},
      onResponseEnd: () => {
        seen.push(parser.head.keepAlive);
        // An owner that ignored it must not have the surplus read as the next answer.
        parser.expect("GET");
      },
    });
    parser.expect("GET");
    const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const used = parser.execute(bytesOf(answer + answer), 0, 2 * answer.length);
    assert.equal(parseErrorInfo(used).code, "unexpected_bytes");
    assert.deepEqual(seen, [true, false]);
  });

  it("are refused where nothing was asked", () => {
    const parser = new ResponseParser({
      onInterimResponse: () => assert.fail("told"),
      onResponseHead: () => assert.fail("told"),
      onBody: () => {},
      onResponseEnd: () => {},
    });
    const used = parser.execute(bytesOf("HTTP/1.1 408 Request Timeout\r\n\r\n"), 0, 32);
    assert.equal(parseErrorInfo(used).code, "unexpected_bytes");
  });
});

describe("a connection", () => {
  it("carries one answer after the other, each by its own request's method", () => {
    const seen: string[] = [];
    const parser = new ResponseParser({
      onInterimResponse: (head) => seen.push(`${head.status}`),
      onResponseHead: (head) => seen.push(`${head.status} ${head.headers.toLines()}`),
      onBody: (bytes, start, end) => seen.push(bytes.toString("latin1", start, end)),
      onResponseEnd: () => seen.push("end"),
    });
    const feed = (method: string, text: string) => {
      assert.equal(parser.hasStarted, false);
      parser.expect(method);
      assert.ok(parser.isExpecting);
      assert.equal(parser.execute(bytesOf(text), 0, text.length), text.length);
      assert.equal(parser.isExpecting, false);
    };
    feed("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA: 1\r\n\r\n");
    feed("GET", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    feed("GET", "HTTP/1.1 204 No\r\nB: 2\r\n\r\n");
    assert.deepEqual(seen, [
      "200 A: 1\r\n",
      "end",
      "100",
      "200 ",
      "x",
      "end",
      "204 B: 2\r\n",
      "end",
    ]);
  });
});
