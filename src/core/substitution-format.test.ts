/** Format strings: text, operators, limits, and what is wrong with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FormatPart, parseFormat } from "./substitution-format.ts";

function parts(format: string): readonly FormatPart[] {
  return parseFormat(format, (message) => assert.fail(message));
}

function problems(format: string): readonly string[] {
  const found: string[] = [];
  parseFormat(format, (message) => found.push(message));
  return found;
}

test("text stays, %% is a percent sign, operators have arguments and limits", () => {
  assert.deepEqual(parts("a 100%% %REQ(X?Y):20%b"), [
    "a 100% ",
    { name: "REQ", argument: "X?Y", charsMax: 20 },
    "b",
  ]);
  assert.deepEqual(parts("%DURATION%%METHOD%"), [
    { name: "DURATION", argument: undefined, charsMax: undefined },
    { name: "METHOD", argument: undefined, charsMax: undefined },
  ]);
  assert.deepEqual(parts(""), []);
  assert.deepEqual(parts("%%%%"), ["%%"]);
});

test("what a format cannot say is reported with its place", () => {
  assert.match(problems("%NO_SUCH%")[0] ?? "", /^the operator %NO_SUCH% is not implemented; there/);
  assert.deepEqual(problems("%DURATION(x)%"), ["%DURATION% takes no argument"]);
  assert.deepEqual(problems("%REQ%"), [
    "%REQ% needs an argument in parentheses: %REQ(USER-AGENT)%",
  ]);
  for (const [format, at] of [
    ["100%", 3],
    ["ab%req(x)%", 2],
    ["%METHOD% %%% x", 11],
  ] as const) {
    assert.deepEqual(problems(format), [
      `the % at position ${at} begins no operator; write %% for a percent sign`,
    ]);
  }
});
