import assert from "node:assert/strict";
import { test } from "node:test";
import { splitCommand } from "./command-line.ts";

test("splits at spaces and keeps quoted and escaped parts together", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["node app.js", ["node", "app.js"]],
    ["  node \t app.js  ", ["node", "app.js"]],
    [`node -e 'console.log("a b")'`, ["node", "-e", 'console.log("a b")']],
    [`say "a \\"b\\" c"`, ["say", 'a "b" c']],
    ["say a\\ b", ["say", "a b"]],
    [`say ''`, ["say", ""]],
    [`a"b c"d'e'`, ["ab cde"]],
    ["say 'a|b' \"$HOME\" \\*", ["say", "a|b", "$HOME", "*"]],
  ];
  for (const [line, words] of cases)
    assert.deepEqual(splitCommand(line), { ok: true, words }, line);
});

test("refuses what only a shell understands, open quotes and nothing", () => {
  for (const line of ["a && b", "a | b", "echo $HOME", "ls *.js", "a > b"]) {
    const split = splitCommand(line);
    assert.ok(!split.ok && split.message.includes("for a shell"), line);
  }
  assert.deepEqual(splitCommand("say 'a"), { ok: false, message: "a quote ' is not closed" });
  assert.deepEqual(splitCommand("   "), { ok: false, message: "is empty" });
});
