import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  countText,
  OUTCOME_VARIABLE,
  outcomeOf,
  passedInTheEnd,
  readOutcome,
} from "./test-outcome.ts";

test("what was skipped is told, and the outcome names the files that failed", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tulle-reporter-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, body: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `import { describe, test } from "node:test";\n${body}`);
    return path;
  };
  const outcomePath = join(folder, "outcome.json");
  const good = file(
    "good.test.mjs",
    `test("a", () => {}); test("b", { skip: "no b here" }, () => {});`,
  );
  const bad = file(
    "bad.test.mjs",
    `describe("s", () => { test("c", () => { throw new Error("c"); }); });`,
  );
  const broken = file("broken.test.mjs", `throw new Error("broken");`);
  const reporter = join(import.meta.dirname, "test-reporter.ts");
  const args = ["--test", `--test-reporter=${reporter}`, "--test-reporter-destination=stdout"];
  // Without this the runner takes itself for a file of the run around it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = spawnSync(process.execPath, [...args, good, bad, broken], {
    encoding: "utf8",
    env: { ...env, [OUTCOME_VARIABLE]: outcomePath },
  });
  assert.equal(run.status, 1, run.stderr);
  assert.match(run.stdout, /Skipped:\n {2}b: no b here\n\n.*tests 4/su);
  const outcome = readOutcome(outcomePath);
  assert.deepEqual(outcome.failedFiles.toSorted(), [bad, broken].toSorted());
  const counts = { tests: 4, suites: 1, pass: 1, fail: 2, cancelled: 0, skipped: 1, todo: 0 };
  assert.deepEqual(outcome.counts, counts);
  assert.match(countText(passedInTheEnd(outcome)), /^ℹ tests 4\nℹ suites 1\nℹ pass 3\nℹ fail 0\n/u);
  const both = outcomeOf([outcome, passedInTheEnd(outcome)]);
  assert.deepEqual(both.failedFiles, outcome.failedFiles);
  assert.match(countText(both), /^ℹ tests 8\nℹ suites 2\nℹ pass 4\nℹ fail 2\n/u);
});
