import assert from "node:assert/strict";
import { STATUS_CODES } from "node:http";
import { describe, it } from "node:test";
import { reasonOf } from "./status.ts";

describe("reasonOf", () => {
  it("agrees with Node's phrases, but for 413 and 422, which RFC 9110 section 15.5 has renamed", () => {
    for (const [status, phrase] of Object.entries(STATUS_CODES)) {
      const ours = reasonOf(Number(status));
      if (ours !== "Unknown" && status !== "413" && status !== "422") assert.equal(ours, phrase);
    }
    assert.equal(reasonOf(413), "Content Too Large");
    assert.equal(reasonOf(422), "Unprocessable Content");
  });

  it("does not know every status", () => {
    assert.equal(reasonOf(299), "Unknown");
  });
});
