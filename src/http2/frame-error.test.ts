import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FIELD_BLOCK_BYTES_MAX } from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
import { FRAME_ERROR, FRAME_OK, frameErrorInfo } from "./frame-error.ts";

describe("frame errors", () => {
  it("each have a number below FRAME_OK, a code and a sentence", () => {
    const numbers = Object.values(FRAME_ERROR);
    assert.equal(new Set(numbers).size, numbers.length);
    for (const number of numbers) {
      assert.ok(number < FRAME_OK);
      const { code, reason } = frameErrorInfo(number);
      assert.ok(Object.values(ERROR_CODE).includes(code));
      assert.notEqual(code, ERROR_CODE.noError);
      // GOAWAY carries it as Latin-1.
      assert.match(reason, /^[\x20-\x7e]{10,100}$/);
    }
  });

  it("tell the bound that they name", () => {
    const { reason } = frameErrorInfo(FRAME_ERROR.fieldBlockTooLarge);
    assert.ok(reason.includes(`${FIELD_BLOCK_BYTES_MAX / 1024} KiB`));
  });

  it("are not found for other numbers", () => {
    for (const number of [FRAME_OK, 1, -1000, Number.NaN]) {
      assert.throws(() => frameErrorInfo(number), RangeError);
    }
  });
});
