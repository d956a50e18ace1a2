import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_ERROR, messageErrorInfo } from "./message-error.ts";

test("each message error has a number, a code and a sentence of its own", () => {
  const numbers = Object.values(MESSAGE_ERROR);
  const infos = numbers.map((number) => messageErrorInfo(number));
  assert.ok(numbers.every((number) => number < -1));
  assert.equal(new Set(infos.map(({ code }) => code)).size, numbers.length);
  assert.equal(new Set(infos.map(({ message }) => message)).size, numbers.length);
  assert.equal(messageErrorInfo(MESSAGE_ERROR.pathInvalid).code, "path_invalid");
  for (const number of [0, -1, -100]) assert.throws(() => messageErrorInfo(number), RangeError);
});
