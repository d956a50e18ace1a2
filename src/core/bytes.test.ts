import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { latin1 } from "./bytes.ts";

describe("latin1", () => {
  it("gives one character for each byte of the range, whatever the byte", () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = latin1(bytes, 1, 255);
    assert.equal(text.length, 254);
    assert.deepEqual(Buffer.from(text, "latin1"), bytes.subarray(1, 255));
  });
});
