import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isMetadataMap, type MetadataValue } from "../dynamic-metadata.ts";
import { parseJsonObject, parseStrictJson } from "./strict-json.ts";

function plain(value: MetadataValue | undefined): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isMetadataMap(value)) return value;
  return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]));
}

test("what JSON.stringify writes is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(3), (value, spaces) => {
      const text = JSON.stringify(value, null, spaces);
      assert.deepEqual(plain(parseStrictJson(text)), JSON.parse(text));
    }),
  );
});

test("what JSON.parse refuses is refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,0-+.eE\\utrfalsn ') }), (text) => {
      const value = parseStrictJson(text);
      if (value !== undefined) assert.deepEqual(plain(value), JSON.parse(text));
    }),
    { numRuns: 2_000 },
  );
});

test("a member that stands twice is refused, at every depth and however it is written", () => {
  assert.equal(parseStrictJson('{"a":1,"a":1}'), undefined);
  assert.equal(parseStrictJson('{"b":[{"a":1,"\\u0061":2}]}'), undefined);
  assert.notEqual(parseStrictJson('{"a":{"a":1},"b":{"a":1}}'), undefined);
});

test("T28: nesting is bounded at 1000", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.notEqual(parseStrictJson(nested(1_000)), undefined);
  assert.equal(parseStrictJson(nested(1_001)), undefined);
  assert.equal(parseStrictJson(nested(10_000)), undefined);
  assert.equal(parseStrictJson('{"a":'.repeat(10_000)), undefined);
});

test("numbers that no double holds, half surrogate pairs and names like __proto__", () => {
  assert.equal(parseStrictJson("1e999"), undefined);
  assert.equal(parseStrictJson("01"), undefined);
  assert.equal(parseStrictJson('"\\ud800"'), undefined);
  assert.equal(parseStrictJson('"\\ud83d\\ude00"'), "😀");
  const value = parseStrictJson('{"__proto__":{"admin":true}}');
  assert.ok(isMetadataMap(value));
  assert.ok(isMetadataMap(value.get("__proto__")));
  assert.equal(({} as { readonly admin?: boolean }).admin, undefined);
});

test("only objects in UTF-8, without a mark of byte order", () => {
  assert.ok(parseJsonObject(Buffer.from("{}")) !== undefined);
  assert.equal(parseJsonObject(Buffer.from("[]")), undefined);
  assert.equal(parseJsonObject(Buffer.from('"a"')), undefined);
  assert.equal(parseJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), undefined);
  assert.equal(parseJsonObject(Buffer.from("\ufeff{}")), undefined);
});
