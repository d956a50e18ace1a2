import assert from "node:assert/strict";
import { test } from "node:test";
import { type ColorMode, isColorWanted } from "./style.ts";

interface Case {
  readonly mode?: ColorMode;
  readonly isTTY?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly expected: boolean;
}

test("--color decides first, then NO_COLOR, FORCE_COLOR, and the terminal", () => {
  const cases: readonly Case[] = [
    { isTTY: true, expected: true },
    { isTTY: false, expected: false },
    { isTTY: true, env: { NO_COLOR: "1" }, expected: false },
    { isTTY: true, env: { NO_COLOR: "" }, expected: true },
    { isTTY: true, env: { TERM: "dumb" }, expected: false },
    { isTTY: false, env: { FORCE_COLOR: "1" }, expected: true },
    { isTTY: true, env: { FORCE_COLOR: "0" }, expected: false },
    { isTTY: true, env: { FORCE_COLOR: "1", NO_COLOR: "1" }, expected: false },
    { mode: "always", env: { NO_COLOR: "1" }, expected: true },
    { mode: "never", isTTY: true, env: { FORCE_COLOR: "1" }, expected: false },
  ];
  for (const { mode = "auto", isTTY = false, env = {}, expected } of cases) {
    assert.equal(
      isColorWanted({ mode, isTTY, env }),
      expected,
      JSON.stringify({ mode, isTTY, env }),
    );
  }
});
