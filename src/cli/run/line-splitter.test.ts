import assert from "node:assert/strict";
import { test } from "node:test";
import { LineSplitter } from "./line-splitter.ts";

function linesOf(chunks: readonly Buffer[]): readonly string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test("gives the same lines however the bytes are cut", () => {
  const bytes = Buffer.from("one\r\n\ntwo é 😀\nlast");
  const expected = ["one", "", "two é 😀", "last"];
  assert.deepEqual(linesOf([bytes]), expected);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.deepEqual(linesOf([bytes.subarray(0, cut), bytes.subarray(cut)]), expected);
  }
  assert.deepEqual(linesOf([...bytes].map((byte) => Buffer.of(byte))), expected);
});

test("cuts a line that does not end", () => {
  const lines = linesOf([Buffer.alloc(150_000, "x")]);
  assert.deepEqual(
    lines.map((line) => line.length),
    [65_536, 65_536, 18_928],
  );
});
