/** The command as a user has it: both halves answer requests, and a wrong option is told. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const MAIN = join(import.meta.dirname, "main.ts");

function run(...options: readonly string[]) {
  return spawnSync(process.execPath, [MAIN, ...options], { encoding: "utf8", timeout: 60_000 });
}

test("both halves of a hop answer requests in memory", () => {
  const { stdout, stderr } = run("--runs", "1", "--windows", "2", "--window-ms", "20");
  assert.equal(stderr, "");
  const lines = stdout.trim().split("\n");
  assert.match(lines[0]!, /128 under way, 32 a turn/);
  assert.match(lines[1]!, /^outbound +least [1-9]\d*, median [1-9]\d*$/);
  assert.match(lines[2]!, /^inbound +least [1-9]\d*, median [1-9]\d*$/);
});

test("an option that cannot be is told", () => {
  for (const [options, message] of [
    [["--batch", "0"], '--batch takes whole numbers from 1, not "0"'],
    [["--direction", "up"], "--direction is outbound or inbound, not up"],
  ] as const) {
    const { status, stderr } = run(...options);
    assert.equal(status, 2);
    assert.equal(stderr.trim(), message);
  }
});
