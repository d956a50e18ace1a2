/** T3, T4, T6 and T19: every byte in every place of a field line, and names that are traps. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf } from "../../test/support/http1-recorder.ts";
import { HEADER_COUNT_MAX } from "../core/limits.ts";
import { HeaderBlock } from "../http/header-block.ts";
import { HeaderName } from "../http/header-field.ts";
import { HEADER, HEADER_UNKNOWN, hashOfName } from "../http/header-name.ts";
import { NEED_MORE, parseErrorInfo } from "./errors.ts";
import { scanFields } from "./field-scanner.ts";

function scan(text: string): { readonly block: HeaderBlock; readonly used: number } {
  const block = new HeaderBlock();
  const used = scanFields(bytesOf(text), 0, text.length, 0, block);
  block.text = text;
  return { block, used };
}

/** "" for a line that is accepted. */
function errorOf(line: string): string {
  const { used } = scan(`${line}\r\n\r\n`);
  return used > 0 ? "" : parseErrorInfo(used).code;
}

describe("field names (RFC 9110 section 5.1)", () => {
  it("are tokens: all 256 bytes tried, first, in the middle and last", () => {
    const tchar = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
    for (let byte = 0; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      for (const name of [`${char}b`, `a${char}b`, `a${char}`]) {
        const isRead = errorOf(`${name}: v`) === "";
        // A colon ends the name, so that it may stand anywhere but first.
        assert.equal(
          isRead,
          tchar.test(char) || (char === ":" && name !== ":b"),
          JSON.stringify(name),
        );
      }
    }
  });

  it("are not empty (T6)", () => {
    assert.equal(errorOf(": v"), "field_name_invalid");
    assert.equal(errorOf(":"), "field_name_invalid");
  });

  it("have no white space around them (T3)", () => {
    assert.equal(errorOf("a : v"), "field_name_invalid");
    assert.equal(errorOf("a\t: v"), "field_name_invalid");
    assert.equal(errorOf(" a: v"), "field_folded");
    assert.equal(errorOf("\ta: v"), "field_folded");
  });
});

describe("field values (RFC 9110 section 5.5)", () => {
  it("hold visible characters, obs-text, space and tab: all 256 bytes tried", () => {
    for (let byte = 0; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      const isAllowed = byte === 0x09 || (byte >= 0x20 && byte !== 0x7f);
      for (const value of [`a${char}b`, char]) {
        assert.equal(errorOf(`x: ${value}`) === "", isAllowed, `byte ${byte}`);
      }
    }
  });

  it("lose the white space around them, and only space and tab", () => {
    for (const line of ["x:v w", "x: v w", "x:\t v w \t", "x:  v w"]) {
      const { block } = scan(`${line}\r\n\r\n`);
      assert.equal(block.value(0), "v w");
      assert.equal(block.toLines(), "x: v w\r\n");
    }
    assert.equal(scan("x:\xa0v\xa0\r\n\r\n").block.value(0), "\xa0v\xa0");
    for (const line of ["x:", "x: ", "x: \t "]) {
      assert.equal(scan(`${line}\r\n\r\n`).block.toLines(), "x: \r\n");
    }
  });
});

describe("sections", () => {
  it("end at an empty line, and only there", () => {
    assert.equal(scan("\r\nrest").used, 2);
    assert.equal(scan("a: b\r\n\r\nrest").used, 8);
    const text = "a: b\r\nc: d\r\n\r\n";
    for (let length = 0; length < text.length; length++) {
      assert.equal(scan(text.slice(0, length)).used, NEED_MORE, text.slice(0, length));
    }
  });

  it("hold at most so many fields", () => {
    assert.ok(scan(`${"a: b\r\n".repeat(HEADER_COUNT_MAX)}\r\n`).used > 0);
    const { used } = scan(`${"a: b\r\n".repeat(HEADER_COUNT_MAX + 1)}\r\n`);
    assert.equal(parseErrorInfo(used).code, "too_many_fields");
  });

  it("give offsets relative to their base", () => {
    const bytes = bytesOf("GET / HTTP/1.1\r\nName: value\r\n\r\n");
    const block = new HeaderBlock();
    scanFields(bytes, 16, bytes.length, 5, block);
    block.text = bytes.toString("latin1", 5);
    assert.deepEqual([block.name(0), block.value(0)], ["Name", "value"]);
  });
});

describe("names as keys (T19)", () => {
  it("of Object's own properties round-trip like any other", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "length"];
    const lines = names.map((name, index) => `${name}: ${index}\r\n`).join("");
    const { block } = scan(`${lines}\r\n`);
    assert.equal(block.toLines(), lines);
    for (const [index, name] of names.entries()) {
      assert.equal(block.get(name.toLowerCase()), String(index));
      assert.equal(block.idOf(index), HEADER_UNKNOWN);
    }
    block.remove(new HeaderName("__proto__"));
    assert.equal(block.get("__proto__"), undefined);
    assert.equal(block.get("constructor"), "1");
  });

  it("with a known name's hash are not taken for it", () => {
    const collidingNames = collisionsOf("content-length");
    assert.ok(collidingNames.length > 0);
    for (const name of collidingNames) {
      assert.equal(hashOfName(name), hashOfName("content-length"));
      const { block } = scan(`${name}: 5\r\nContent-Length: 6\r\n\r\n`);
      assert.deepEqual([block.idOf(0), block.idOf(1)], [HEADER_UNKNOWN, HEADER["content-length"]]);
      assert.equal(block.get("content-length"), "6");
      assert.equal(block.get(name), "5");
    }
  });

  it("chosen to collide cost no more than others", () => {
    const names = collisionsOf("content-length");
    const lines = Array.from(
      { length: HEADER_COUNT_MAX },
      (_, i) => `${names[i % names.length]}: v\r\n`,
    );
    // Work is one pass over the bytes: no table is filled with what a peer sends.
    const { block, used } = scan(`${lines.join("")}\r\n`);
    assert.equal(used, lines.join("").length + 2);
    assert.equal(block.count, HEADER_COUNT_MAX);
    for (let i = 0; i < block.count; i++) assert.equal(block.idOf(i), HEADER_UNKNOWN);
  });
});

/** Other names with the hash of this one: a step is h * 31 + byte, so that 2 more here is made up by 62 less behind it. */
function collisionsOf(name: string): string[] {
  const found: string[] = [];
  for (let at = 0; at + 1 < name.length; at++) {
    const pair = [name.charCodeAt(at) + 2, name.charCodeAt(at + 1) - 62];
    const other = name.slice(0, at) + String.fromCharCode(...pair) + name.slice(at + 2);
    if (/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(other)) found.push(other);
  }
  return found;
}
