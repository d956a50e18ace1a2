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

/** Of several runs together. */
export function outcomeOf(runs: readonly TestOutcome[]): TestOutcome {
  const counts: Record<string, number> = {};
  for (const run of runs) {
    for (const [name, count] of Object.entries(run.counts)) {
      counts[name] = (counts[name] ?? 0) + count;
    }
  }
  return { failedFiles: runs.flatMap(({ failedFiles }) => failedFiles), counts };
}

/** What became of it when the files that failed passed in a second run. */
export function passedInTheEnd({ counts }: TestOutcome): TestOutcome {
  const { pass = 0, fail = 0, cancelled = 0 } = counts;
  return {
    failedFiles: [],
    counts: { ...counts, pass: pass + fail + cancelled, fail: 0, cancelled: 0 },
  };
}

/** The counts as the runner writes them. */
export function countText({ counts }: TestOutcome): string {
  return Object.entries(counts)
    .map(([name, count]) => `ℹ ${name} ${count}\n`)
    .join("");
}
