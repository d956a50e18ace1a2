import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reasonOf } from "../http/status.ts";
import { NEED_MORE, PARSE_ERROR, parseErrorInfo } from "./errors.ts";

describe("parse errors", () => {
  it("each have a number below NEED_MORE, a code, a status with a phrase, and a sentence", () => {
    const numbers = Object.values(PARSE_ERROR);
    assert.equal(new Set(numbers).size, numbers.length);
    for (const number of numbers) {
      assert.ok(number < NEED_MORE);
      const { code, status, message } = parseErrorInfo(number);
      assert.match(code, /^[a-z]+(_[a-z]+)*$/);
      assert.notEqual(reasonOf(status), "Unknown");
      assert.ok(message.length > 10);
    }
  });

  it("are not found for other numbers", () => {
    for (const number of [0, NEED_MORE, -1000, Number.NaN]) {
      assert.throws(() => parseErrorInfo(number), RangeError);
    }
  });
});
