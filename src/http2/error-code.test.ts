import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ERROR_CODE, errorCodeName } from "./error-code.ts";

describe("error codes (RFC 9113 section 7)", () => {
  it("have the RFC's names", () => {
    for (const [name, code] of Object.entries(ERROR_CODE)) {
      const plain = errorCodeName(code).replaceAll("_", "").toLowerCase();
      assert.equal(plain, name.toLowerCase());
    }
    assert.equal(errorCodeName(ERROR_CODE.enhanceYourCalm), "ENHANCE_YOUR_CALM");
  });

  it("are told as numbers when they are unknown", () => {
    assert.equal(errorCodeName(0xe), "0xe");
    assert.equal(errorCodeName(0xffff_ffff), "0xffffffff");
  });
});
