/** The message of a NACK, complete and bounded. */
import assert from "node:assert/strict";
import test from "node:test";
import { NACK_TEXT_CHARS_MAX } from "./limits.ts";
import { nackText } from "./nack-text.ts";

test("every violation of every resource is in the text", () => {
  const text = nackText([
    { name: "a", message: "x: not supported" },
    { name: "b", message: "y: too small" },
    { name: "a", message: "z: missing" },
    { name: "", message: "resources[2]: no name" },
  ]);
  assert.equal(text, "a: x: not supported; z: missing | b: y: too small | resources[2]: no name");
});

test("the text has a bound and says what is left out", () => {
  const errors = Array.from({ length: 1000 }, (_, index) => ({
    name: `resource-${index}`,
    message: "x".repeat(1000),
  }));
  const text = nackText(errors);
  assert.ok(text.length < NACK_TEXT_CHARS_MAX + 50);
  assert.match(text, /… and 9\d\d more$/);
  const one = nackText([{ name: "a", message: "x".repeat(2 * NACK_TEXT_CHARS_MAX) }]);
  assert.ok(one.length < NACK_TEXT_CHARS_MAX + 50);
});
