/** What a run of the tests leaves behind for `test.ts`: which files failed, and the counts that closed its output. */
import { readFileSync, writeFileSync } from "node:fs";

export interface TestOutcome {
  /** Paths of files with at least one test that failed, each once. */
  readonly failedFiles: readonly string[];
  /** In the runner's order: tests, suites, pass, fail, cancelled, skipped, todo. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Where the reporter writes it, when the environment names a file. */
export const OUTCOME_VARIABLE = "TULLE_TEST_OUTCOME";

export function writeOutcome(path: string, outcome: TestOutcome): void {
  writeFileSync(path, JSON.stringify(outcome));
}

/** Throws when the run was cut off before its end. */
export function readOutcome(path: string): TestOutcome {
  return JSON.parse(readFileSync(path, "utf8")) as TestOutcome;
}

/** The counts of a run whose failed files passed when they ran again, as the runner writes counts. */
export function countsAfterSecondRun({ counts }: TestOutcome): string {
  const { pass = 0, fail = 0, cancelled = 0 } = counts;
  const merged = { ...counts, pass: pass + fail + cancelled, fail: 0, cancelled: 0 };
  return Object.entries(merged)
    .map(([name, count]) => `ℹ ${name} ${count}\n`)
    .join("");
}
