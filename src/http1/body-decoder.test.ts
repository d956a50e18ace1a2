/** T5: chunk sizes, extensions, line ends and trailer sections (RFC 9112 sections 6 and 7). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf, singleBytes, splitAt } from "../../test/support/http1-recorder.ts";
import {
  CHUNK_EXTENSIONS_BYTES_MAX,
  CHUNK_LINE_BYTES_MAX,
  HEADER_COUNT_MAX,
  TRAILER_SIZE_BYTES_MAX,
} from "../core/limits.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "../http/request-head.ts";
import { BodyDecoder } from "./body-decoder.ts";
import { parseErrorInfo } from "./errors.ts";

interface Decoded {
  readonly body: string;
  readonly error: string;
  readonly isDone: boolean;
  /** Bytes behind the body. */
  readonly surplus: number;
  readonly trailers: string | undefined;
}

function decodeChunked(reads: readonly Buffer[]): Decoded {
  const decoder = new BodyDecoder();
  decoder.begin(BODY_CHUNKED, 0);
  let body = "";
  let surplus = 0;
  const sink = {
    onBody: (bytes: Buffer, start: number, end: number) => {
      assert.ok(end > start);
      body += bytes.toString("latin1", start, end);
    },
  };
  const result = (error: string) => ({
    body,
    error,
    isDone: decoder.isDone,
    surplus,
    trailers: decoder.trailers?.toLines(),
  });
  for (const read of reads) {
    if (decoder.isDone) {
      surplus += read.length;
      continue;
    }
    const used = decoder.decode(read, 0, read.length, sink);
    if (used < 0) return result(parseErrorInfo(used).code);
    surplus += read.length - used;
  }
  return result("");
}

/** The same for one read and for single bytes. */
function chunked(text: string): Decoded {
  const bytes = bytesOf(text);
  const whole = decodeChunked([bytes]);
  assert.deepEqual(decodeChunked(singleBytes(bytes)), whole, JSON.stringify(text));
  return whole;
}

describe("chunks (RFC 9112 section 7.1)", () => {
  it("are joined; what follows is not touched", () => {
    const decoded = chunked("5\r\nhello\r\nA\r\n, world.\r\n\r\n0\r\n\r\nGET /");
    assert.deepEqual(decoded, {
      body: "hello, world.\r\n",
      error: "",
      isDone: true,
      surplus: 5,
      trailers: undefined,
    });
  });

  it("may have upper-case digits and leading zeros, up to 13 digits", () => {
    assert.equal(chunked("0000000000001\r\nx\r\n000\r\n\r\n").body, "x");
    assert.equal(chunked("fFfFf\r\nx").error, "");
    assert.equal(chunked("00000000000001\r\nx\r\n0\r\n\r\n").error, "chunk_size_invalid");
  });

  it("may be as large as a double counts exactly, and no larger", () => {
    assert.equal(chunked("fffffffffffff\r\nx").error, "");
    assert.equal(chunked("10000000000000\r\nx").error, "chunk_size_invalid");
    assert.equal(chunked("ffffffffffffffff\r\nx").error, "chunk_size_invalid");
    assert.equal(chunked("10000000000000000\r\nx").error, "chunk_size_invalid");
  });

  const SIZES = [
    "0x5",
    "x5",
    "+5",
    "-5",
    "_5",
    "5_",
    " 5",
    "5 ",
    "5\t",
    "\t5",
    "",
    "g",
    "5.0",
    "5,5",
    "\xa05",
    "5h",
  ];
  for (const size of SIZES) {
    it(`of size ${JSON.stringify(size)} are refused`, () => {
      assert.equal(chunked(`${size}\r\nhello\r\n0\r\n\r\n`).error, "chunk_size_invalid");
    });
  }

  const ENDS: Readonly<Record<string, string>> = {
    "5\nhello\r\n0\r\n\r\n": "line_end_invalid",
    "5\rhello\r\n0\r\n\r\n": "line_end_invalid",
    "5\r\rhello\r\n0\r\n\r\n": "line_end_invalid",
    "5\r\nhello\n0\r\n\r\n": "chunk_end_invalid",
    "5\r\nhello\r0\r\n\r\n": "chunk_end_invalid",
    "5\r\nhello0\r\n\r\n": "chunk_end_invalid",
    "5\r\nhelloX\r\n0\r\n\r\n": "chunk_end_invalid",
    "5\r\nhell\r\n0\r\n\r\n": "chunk_end_invalid",
    "5\r\nhello\r\n\r\n": "chunk_size_invalid",
    "0\n\r\n": "line_end_invalid",
    "0\r\n\n": "line_end_invalid",
    "0\r\n\r\r\n": "line_end_invalid",
    "0\r\n\rX": "line_end_invalid",
    "0\r\nX: y\n\r\n": "line_end_invalid",
    "0\r\nX: y\r\n\rZ": "line_end_invalid",
  };
  for (const [text, code] of Object.entries(ENDS)) {
    it(`with wrong line ends are refused: ${JSON.stringify(text)}`, () => {
      assert.equal(chunked(text).error, code);
    });
  }
});

describe("chunk extensions (RFC 9112 section 7.1.1)", () => {
  const READ = ["a", "a=b", "a;b;c=d", 'a="b c;\\"d\\\\"', 'a="";b', 'a=b;c="\t\xff"'];
  for (const extension of READ) {
    it(`are dropped: ${extension}`, () => {
      const decoded = chunked(`1;${extension}\r\nx\r\n0;${extension}\r\n\r\n`);
      assert.deepEqual([decoded.body, decoded.error, decoded.isDone], ["x", "", true]);
    });
  }

  const REFUSED = [
    "",
    ";",
    "a;",
    "=b",
    "a=",
    'a="b',
    'a="b\\',
    "a b",
    " a",
    "a ",
    "a= b",
    'a="b"c',
    'a=b"',
    'a="\x00"',
  ];
  for (const extension of REFUSED) {
    it(`are refused when malformed: ${JSON.stringify(extension)}`, () => {
      assert.equal(chunked(`1;${extension}\r\nx\r\n0\r\n\r\n`).error, "chunk_extension_invalid");
    });
  }

  it("end at CRLF, whatever quotes stand open", () => {
    assert.equal(chunked('1;a="\n"\r\nx\r\n0\r\n\r\n').error, "line_end_invalid");
    assert.equal(chunked('1;a="\r\nx\r\n0\r\n\r\n').error, "chunk_extension_invalid");
    assert.equal(chunked("1;a\nx\r\n0\r\n\r\n").error, "line_end_invalid");
    assert.equal(chunked("1;a\rx\r\n0\r\n\r\n").error, "line_end_invalid");
  });

  it("may fill a line of the bound and no more", () => {
    const line = (length: number) => `1;${"e".repeat(length - 4)}\r\n`;
    assert.equal(line(CHUNK_LINE_BYTES_MAX).length, CHUNK_LINE_BYTES_MAX);
    assert.equal(chunked(`${line(CHUNK_LINE_BYTES_MAX)}x\r\n0\r\n\r\n`).error, "");
    const long = `${line(CHUNK_LINE_BYTES_MAX + 1)}x\r\n0\r\n\r\n`;
    assert.equal(chunked(long).error, "chunk_line_too_long");
  });

  it("are bounded over all chunks of a body (CVE-2024-22019)", () => {
    const chunk = `1;${"e".repeat(128)}\r\nx\r\n`;
    const count = CHUNK_EXTENSIONS_BYTES_MAX / 128;
    assert.equal(chunked(`${chunk.repeat(count)}0\r\n\r\n`).error, "");
    assert.equal(
      chunked(`${chunk.repeat(count)}1;e\r\nx\r\n0\r\n\r\n`).error,
      "chunk_line_too_long",
    );
  });
});

describe("trailer sections (RFC 9112 section 7.1.2)", () => {
  it("are told, names and order kept", () => {
    const decoded = chunked("0\r\nX-B: 1\r\nx-a:  2 \r\n\r\nrest");
    assert.equal(decoded.trailers, "X-B: 1\r\nx-a: 2\r\n");
    assert.equal(decoded.surplus, 4);
  });

  it("are undefined when empty, however their CRLF is split", () => {
    assert.equal(chunked("0\r\n\r\n").trailers, undefined);
    assert.equal(decodeChunked([bytesOf("0\r\n\r"), bytesOf("\n")]).trailers, undefined);
  });

  it("are judged as strictly as heads", () => {
    assert.equal(chunked("0\r\nX : y\r\n\r\n").error, "field_name_invalid");
    assert.equal(chunked("0\r\nX: y\r\n z\r\n\r\n").error, "field_folded");
    assert.equal(chunked("0\r\nX: \x00\r\n\r\n").error, "field_value_invalid");
    assert.equal(chunked("0\r\n: y\r\n\r\n").error, "field_name_invalid");
  });

  it("may hold 100 fields and be as large as the bound, no more, wherever they are cut", () => {
    assert.equal(chunked(`0\r\n${"X: y\r\n".repeat(HEADER_COUNT_MAX)}\r\n`).error, "");
    assert.equal(
      chunked(`0\r\n${"X: y\r\n".repeat(HEADER_COUNT_MAX + 1)}\r\n`).error,
      "too_many_fields",
    );
    for (const [extra, code] of [
      [0, ""],
      [1, "trailer_too_large"],
    ] as const) {
      const value = "v".repeat(TRAILER_SIZE_BYTES_MAX - "X: \r\n\r\n".length + extra);
      const bytes = bytesOf(`0\r\nX: ${value}\r\n\r\nrest`);
      for (const cut of [0, 3, 4, 100, TRAILER_SIZE_BYTES_MAX + 2, TRAILER_SIZE_BYTES_MAX + 3]) {
        assert.equal(decodeChunked(splitAt(bytes, [cut])).error, code);
      }
      assert.equal(decodeChunked(singleBytes(bytes)).error, code);
    }
  });

  it("do not outlive their message", () => {
    const decoder = new BodyDecoder();
    const sink = { onBody: () => {} };
    decoder.begin(BODY_CHUNKED, 0);
    decoder.decode(bytesOf("0\r\nX: y\r\n\r\n"), 0, 11, sink);
    assert.equal(decoder.trailers?.count, 1);
    decoder.begin(BODY_LENGTH, 1);
    assert.equal(decoder.trailers, undefined);
  });
});

describe("other bodies", () => {
  const ranges: [number, number][] = [];
  const sink = { onBody: (_: Buffer, start: number, end: number) => ranges.push([start, end]) };

  it("of known length end there", () => {
    ranges.length = 0;
    const decoder = new BodyDecoder();
    decoder.begin(BODY_LENGTH, 5);
    assert.equal(decoder.decode(bytesOf("__abc"), 2, 5, sink), 5);
    assert.equal(decoder.isDone, false);
    assert.equal(decoder.decode(bytesOf("deGET"), 0, 5, sink), 2);
    assert.ok(decoder.isDone);
    assert.deepEqual(ranges, [
      [2, 5],
      [0, 2],
    ]);
  });

  it("without a length end with the connection", () => {
    ranges.length = 0;
    const decoder = new BodyDecoder();
    decoder.begin(BODY_UNTIL_CLOSE, -1);
    assert.equal(decoder.decode(bytesOf("abc"), 0, 3, sink), 3);
    assert.deepEqual([decoder.isDone, decoder.endsWithConnection], [false, true]);
    assert.deepEqual(ranges, [[0, 3]]);
  });

  it("that are none, or of length 0, are done at once", () => {
    const decoder = new BodyDecoder();
    for (const [kind, length] of [
      [BODY_NONE, -1],
      [BODY_LENGTH, 0],
    ] as const) {
      decoder.begin(kind, length);
      assert.ok(decoder.isDone);
    }
  });
});
