/** T3, T4, T22 and T23: request lines, empty lines, Host, targets, bounds, pipelining. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  bytesOf,
  recordRequests,
  singleBytes,
  splitAt,
} from "../../test/support/http1-recorder.ts";
import {
  HEAD_SIZE_BYTES_MAX,
  HEADER_COUNT_MAX,
  LEADING_EMPTY_LINES_MAX,
  START_LINE_BYTES_MAX,
} from "../core/limits.ts";
import { RequestParser } from "./request-parser.ts";

function parse(text: string) {
  return recordRequests([bytesOf(text)]);
}

function assertRefused(text: string, code: string, status = 400): void {
  const recorded = parse(text);
  assert.equal(recorded.error, code, JSON.stringify(text));
  assert.equal(recorded.errorStatus, status);
  assert.deepEqual(recorded.messages, []);
}

describe("request line (RFC 9112 section 3)", () => {
  const LINES: Readonly<Record<string, readonly string[]>> = {
    method_invalid: [
      "/ HTTP/1.1",
      " GET / HTTP/1.1",
      "G@T / HTTP/1.1",
      "GET\t/ HTTP/1.1",
      "\x00",
      "\x16\x03\x01",
    ],
    target_invalid: [
      "GET  HTTP/1.1",
      "GET  / HTTP/1.1",
      "GET /\x01 HTTP/1.1",
      "GET /é HTTP/1.1",
      "GET /#f HTTP/1.1",
    ],
    version_invalid: [
      ...[
        "GET /",
        "GET / ",
        "GET / HTTP",
        "GET / HTTP/1",
        "GET / http/1.1",
        "GET / HTTP/x.1",
        "GET / HTTP/1.x",
      ],
      ...[
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.10",
        "GET /  HTTP/1.1",
        "GET / HTTP/ 1.1",
        "GET / HTTP 1.1",
        "GET / FTP/1.1",
      ],
    ],
  };
  for (const [code, lines] of Object.entries(LINES)) {
    for (const line of lines) {
      it(`refuses ${JSON.stringify(line)} as ${code}`, () => {
        assertRefused(`${line}\r\nHost: a\r\n\r\n`, code);
      });
    }
  }

  it("refuses other versions with 505, HTTP/2's preface among them", () => {
    for (const version of ["2.0", "0.9", "1.2", "3.0"]) {
      assertRefused(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`, "version_unsupported", 505);
    }
    assertRefused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version_unsupported", 505);
  });

  it("refuses nonsense at the first wrong byte: nobody waits for a timeout", () => {
    for (const start of ["\x16\x03", "G@", "GET /\x7f", "GET / X", "GET /\r", "GET / HTTP/1.1\n"]) {
      assert.notEqual(parse(start).error, "", JSON.stringify(start));
    }
  });

  it("takes any token for a method", () => {
    for (const method of ["GET", "POST", "GETX", "get", "M-SEARCH", "!#$%&'*+-.^_`|~9"]) {
      const { messages } = parse(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal(messages[0]?.method, method);
    }
  });

  it("answers 414 for a line longer than the bound, wherever it is cut", () => {
    const fitting = `GET /${"a".repeat(START_LINE_BYTES_MAX - "GET / HTTP/1.1\r\n".length)} HTTP/1.1\r\n`;
    assert.equal(fitting.length, START_LINE_BYTES_MAX);
    assert.equal(parse(`${fitting}Host: a\r\n\r\n`).error, "");
    const long = fitting.replace("/a", "/aa");
    assertRefused(`${long}Host: a\r\n\r\n`, "request_line_too_long", 414);
    for (const cut of [
      1,
      START_LINE_BYTES_MAX - 12,
      START_LINE_BYTES_MAX - 1,
      START_LINE_BYTES_MAX,
    ]) {
      const bytes = bytesOf(long);
      assert.equal(recordRequests(splitAt(bytes, [cut])).error, "request_line_too_long");
    }
    assertRefused("G".repeat(START_LINE_BYTES_MAX), "request_line_too_long", 414);
    assert.ok(parse("G".repeat(START_LINE_BYTES_MAX - 1)).isMidMessage);
  });
});

describe("line ends (RFC 9112 section 2.2, T3, T4)", () => {
  const REFUSED: Readonly<Record<string, string>> = {
    "GET / HTTP/1.1\nHost: a\n\n": "line_end_invalid",
    "GET / HTTP/1.1\r\nHost: a\n\r\n": "line_end_invalid",
    "GET / HTTP/1.1\r\nHost: a\r\n\n": "line_end_invalid",
    "GET / HTTP/1.1\rHost: a\r\n\r\n": "line_end_invalid",
    "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n": "line_end_invalid",
    "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n": "line_end_invalid",
    "GET / HTTP/1.1\r\nHost: a\r\n\rX\n": "line_end_invalid",
    "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n": "line_end_invalid",
    "GET / HTTP/1.1\r\nX\rY: b\r\n\r\n": "line_end_invalid",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n": "field_folded",
    "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n": "field_folded",
    "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n": "field_folded",
    "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n": "field_folded",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n": "field_name_invalid",
    "GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n": "field_value_invalid",
    "GET / HTTP/1.1\r\nHo\x00st: a\r\n\r\n": "field_name_invalid",
    "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n": "method_invalid",
    "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n": "line_end_invalid",
    " \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n": "method_invalid",
  };
  for (const [text, code] of Object.entries(REFUSED)) {
    it(`refuses ${JSON.stringify(text)} as ${code}`, () => assertRefused(text, code));
  }

  it("skips a few empty lines before a request, not many", () => {
    const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const allowed = "\r\n".repeat(LEADING_EMPTY_LINES_MAX);
    assert.equal(parse(allowed + request + allowed + request).messages.length, 2);
    assertRefused(`\r\n${allowed}${request}`, "method_invalid");
    assert.equal(recordRequests(singleBytes(bytesOf(`\r\n${allowed}`))).error, "method_invalid");
  });

  it("does not take an empty line for the start of a message", () => {
    for (const text of ["\r", "\r\n", "\r\n\r"]) assert.equal(parse(text).isMidMessage, false);
    assert.equal(parse("\r\nG").isMidMessage, true);
  });
});

describe("Host and targets (RFC 9112 section 3.2, T22, T23)", () => {
  it("refuses none, two, or a malformed one", () => {
    assertRefused("GET / HTTP/1.1\r\n\r\n", "host_invalid");
    assertRefused("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", "host_invalid");
    assertRefused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "host_invalid");
    assertRefused("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n", "host_invalid");
    assertRefused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "host_invalid");
    for (const host of [
      "a b",
      "a/b",
      "u@a",
      "a:b",
      "a:80:80",
      "[::1",
      "a#b",
      "a?b",
      "http://a",
      "a,b c",
    ]) {
      assertRefused(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "host_invalid");
      assertRefused(`GET http://a/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "host_invalid");
    }
  });

  it("keeps the spelling and takes Host out of the forwarded lines", () => {
    const { messages } = parse("GET / HTTP/1.1\r\nA: 1\r\nHOST:  Secret.COM.:80 \r\nB: 2\r\n\r\n");
    assert.equal(messages[0]?.authority, "Secret.COM.:80");
    assert.equal(messages[0]?.lines, "A: 1\r\nB: 2\r\n");
  });

  it("accepts an empty Host, and none in HTTP/1.0", () => {
    assert.equal(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n").messages[0]?.authority, "");
    assert.equal(parse("GET / HTTP/1.0\r\n\r\n").messages[0]?.authority, "");
  });

  const TARGETS: readonly (readonly [string, string, string, number])[] = [
    ["/", "/", "a", -1],
    ["/?", "/?", "a", 1],
    ["/p?q?r", "/p?q?r", "a", 2],
    ["http://b", "/", "b", -1],
    ["HTTP://B:8080/p", "/p", "B:8080", -1],
    ["https://b/p?q", "/p?q", "b", 2],
    ["http://b?q", "/?q", "b", 1],
    ["http://[::1]:80/x", "/x", "[::1]:80", -1],
  ];
  for (const [target, path, authority, queryAt] of TARGETS) {
    it(`reads ${target} as ${path} of ${authority}`, () => {
      const [message] = parse(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).messages;
      assert.equal(message?.target, path);
      assert.equal(message?.authority, authority);
      assert.equal(message?.queryAt, queryAt);
    });
  }

  const WRONG_FORMS = [
    "a",
    "*",
    "a:80",
    "ftp://a/",
    "http:///p",
    "http://u@b/",
    "http://b:x/",
    "http:/b",
    "?q",
  ];
  for (const target of [...WRONG_FORMS, "http://[1:2/", "http://b:99999/", "http://b\\@c/"]) {
    it(`refuses GET ${target}`, () => {
      assertRefused(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, "target_form_invalid");
    });
  }

  it("knows asterisk-form for OPTIONS alone, and makes it of an empty absolute path", () => {
    assert.equal(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").messages[0]?.target, "*");
    const [whole] = parse("OPTIONS http://b:80 HTTP/1.1\r\nHost: a\r\n\r\n").messages;
    assert.deepEqual([whole?.target, whole?.authority], ["*", "b:80"]);
    assert.equal(parse("OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n").messages[0]?.target, "/");
  });

  it("knows authority-form for CONNECT alone, with a port, and reads nothing behind it", () => {
    const [connect] = parse("CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n").messages;
    assert.deepEqual([connect?.authority, connect?.keepAlive], ["b:443", false]);
    for (const target of ["/", "b", "b:", "http://b:443/", "*", ":443", "u@b:443"]) {
      assertRefused(`CONNECT ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, "target_form_invalid");
    }
  });

  it("tells which targets may have another normal form", () => {
    const special = [
      "//",
      "/./",
      "/a//b",
      "/a/../b",
      "/%41",
      "/a\\b",
      "/..",
      "/.",
      "/a..b",
      "http://b/a",
    ];
    const plain = ["/", "/a.b", "/a/b/", "/a?//", "/?%41", "/~a;b=c,d"];
    const flagOf = (target: string) =>
      parse(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).messages[0]?.hasSpecialBytes;
    for (const target of special) assert.equal(flagOf(target), true, target);
    for (const target of plain) assert.equal(flagOf(target), false, target);
  });
});

describe("bounds of a head", () => {
  /** A head of exactly `size` bytes in fields that each fit. */
  function headOf(size: number): string {
    const start = "GET / HTTP/1.1\r\nHost: a\r\n";
    let fields = "";
    const left = () => size - start.length - fields.length - 2;
    while (left() > 2048) fields += `X: ${"v".repeat(1000)}\r\n`;
    return `${start}${fields}X: ${"v".repeat(left() - 5)}\r\n\r\n`;
  }

  it("accepts a head of exactly the bound, behind empty lines too, wherever it is cut", () => {
    const head = headOf(HEAD_SIZE_BYTES_MAX);
    assert.equal(head.length, HEAD_SIZE_BYTES_MAX);
    for (const before of ["", "\r\n\r\n"]) {
      const bytes = bytesOf(`${before}${head}${head}`);
      for (const cut of [1, 3, 5, 1000, HEAD_SIZE_BYTES_MAX - 1, HEAD_SIZE_BYTES_MAX + 1]) {
        const recorded = recordRequests(splitAt(bytes, [cut]));
        assert.equal(recorded.messages.length, 2);
        assert.equal(recorded.error, "");
      }
    }
  });

  it("answers 431 for one byte more, wherever it is cut", () => {
    const bytes = bytesOf(headOf(HEAD_SIZE_BYTES_MAX + 1));
    for (const cut of [0, 1, 70, HEAD_SIZE_BYTES_MAX - 1, HEAD_SIZE_BYTES_MAX]) {
      const recorded = recordRequests(splitAt(bytes, [cut]));
      assert.deepEqual([recorded.error, recorded.errorStatus], ["head_too_large", 431]);
    }
    const endless = `GET / HTTP/1.1\r\nX: ${"v".repeat(HEAD_SIZE_BYTES_MAX)}`;
    assertRefused(endless, "head_too_large", 431);
    assertRefused(`GET / HTTP/1.1\r\n${"n".repeat(HEAD_SIZE_BYTES_MAX)}`, "head_too_large", 431);
  });

  it("accepts 100 fields and answers 431 for one more", () => {
    const fields = "X: y\r\n".repeat(HEADER_COUNT_MAX - 1);
    assert.equal(parse(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`).error, "");
    assertRefused(`GET / HTTP/1.1\r\nHost: a\r\n${fields}X: y\r\n\r\n`, "too_many_fields", 431);
  });

  it("reads a head of the bound byte by byte", () => {
    const { messages } = recordRequests(singleBytes(bytesOf(headOf(HEAD_SIZE_BYTES_MAX))));
    assert.equal(messages.length, 1);
  });
});

describe("a connection", () => {
  it("carries pipelined requests, told apart exactly", () => {
    const text =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" +
      "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n\r\n" +
      "POST /3 HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" +
      "GET /4 HTTP/1.1\r\nHost: d\r\n\r\n";
    const seen = parse(text).messages.map((m) => `${m.target} ${m.authority} ${m.body}`);
    assert.deepEqual(seen, ["/1 a abc", "/2 b ", "/3 c x", "/4 d "]);
  });

  it("stops behind each message", () => {
    let heads = 0;
    const parser = new RequestParser({
      onRequestHead: () => {
        heads += 1;
      },
      onBody: () => {},
      onRequestEnd: () => {},
    });
    const one = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const bytes = bytesOf(one + one);
    assert.equal(parser.execute(bytes, 0, bytes.length), one.length);
    assert.equal(heads, 1);
    assert.equal(parser.isMidMessage, false);
  });

  it("forgets nothing and keeps nothing from one request to the next", () => {
    const [, second] = parse(
      "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, x\r\nTE: trailers\r\nX: 1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nz" +
        "GET /plain HTTP/1.1\r\nHost: b\r\nX: 2\r\n\r\n",
    ).messages;
    assert.deepEqual(second, {
      method: "GET",
      target: "/plain",
      authority: "b",
      minorVersion: 1,
      bodyKind: 0,
      contentLength: -1,
      keepAlive: true,
      expectsContinue: false,
      upgrade: "",
      acceptsTrailers: false,
      queryAt: -1,
      hasSpecialBytes: false,
      lines: "X: 2\r\n",
      body: "",
      isComplete: true,
      trailers: undefined,
    });
  });
});
