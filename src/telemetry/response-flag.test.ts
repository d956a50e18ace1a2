/** The flags: each text has one number, and the numbers index the list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FLAG, RESPONSE_FLAGS } from "./response-flag.ts";

test("numbers and texts belong together", () => {
  assert.equal(new Set(RESPONSE_FLAGS).size, RESPONSE_FLAGS.length);
  assert.equal(FLAG.none, 0);
  for (const [name, number] of Object.entries(FLAG)) {
    assert.equal(RESPONSE_FLAGS[number], name === "none" ? "-" : name);
  }
});
