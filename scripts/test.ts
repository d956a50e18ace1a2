/**
 * The test command: type check, lint, then every test under node's runner, whose summary closes the
 * output. `npm test -- src/store -- --test-name-pattern=watch` runs only the tests of those paths,
 * without type check and lint, and hands what follows the second `--` to the runner.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import {
  countText,
  OUTCOME_VARIABLE,
  outcomeOf,
  passedInTheEnd,
  readOutcome,
  type TestOutcome,
} from "./test-outcome.ts";

const ROOT = join(import.meta.dirname, "..");
const SHARED_PROCESSES = join(ROOT, ".cache", "test-processes");
const OUTCOME_PATH = join(ROOT, ".cache", "test-outcome.json");
const IS_CI = process.env["CI"] === "true";
const TEST_FILES = "{src,test,demo,bench,scripts}/**/*.test.ts";
/** A test that waits for something that never happens must not hold up the run for ever. */
const TEST_TIMEOUT_MS = 180_000;
/** More files than this do not fail by chance. */
const FLAKY_FILES_MAX = 3;
const CORES = availableParallelism();
/** So many run the tests beside the sources: a process for each file takes half a second more than its tests. */
const UNIT_PROCESSES = 4 * CORES;
/** These judge what happens under load, or how little is done: more of them than cores would judge each other. */
const JUDGES = ["test/acceptance", "test/dashboard/scale.test.ts", "test/dashboard/weight.test.ts"];

const separator = process.argv.indexOf("--", 2);
const paths = process.argv.slice(2, separator === -1 ? undefined : separator);
const runnerArgs = separator === -1 ? [] : process.argv.slice(separator + 1);

const files = globSync(TEST_FILES, { cwd: ROOT })
  .filter((file) => paths.length === 0 || paths.some((path) => isBelow(file, path)))
  .sort();
if (files.length === 0) {
  console.error(`no test file below ${paths.join(", ")}`);
  process.exit(2);
}
const failedSteps: string[] = [];
if (paths.length === 0) {
  step("type check", "node_modules/.bin/tsc", ["--noEmit"]);
  step("type check of the dashboard", "node_modules/.bin/tsc", ["-p", "dashboard"]);
  const colors = process.stdout.isTTY ? [] : ["--colors=off"];
  step("lint", "node_modules/.bin/biome", ["ci", "--error-on-warnings", ...colors]);
}
console.error(`${files.length} test files`);
// Most tests wait for other processes most of the time.
const runs = [
  runTests(inSharedProcesses(files.filter((file) => !isJudge(file))), 2 * CORES),
  runTests(files.filter(isJudge), CORES),
];
const outcome = runAgain(outcomeOf(runs.filter((run) => run !== undefined)));
const failedFiles = outcome.failedFiles.map((file) => relative(ROOT, file));
const hasFailed = runs.includes(undefined) || failedFiles.length > 0;
if (failedFiles.length > 0) console.log(`\nFailed: ${failedFiles.join(", ")}`);
console.log(`\n${countText(outcome)}`);
if (failedSteps.length > 0) console.error(`failed before the tests: ${failedSteps.join(", ")}`);
process.exitCode = failedSteps.length > 0 || hasFailed ? 1 : 0;

/** Undefined when the run was cut off, or failed without a word of which file. */
function runTests(paths: readonly string[], concurrency: number): TestOutcome | undefined {
  if (paths.length === 0) return { failedFiles: [], counts: {} };
  // Of a run before: one that is cut off leaves none.
  rmSync(OUTCOME_PATH, { force: true });
  mkdirSync(dirname(OUTCOME_PATH), { recursive: true });
  const preloads = IS_CI ? ["--import", "./scripts/test-deadline.ts"] : [];
  const code = run(process.execPath, [
    ...preloads,
    "--test",
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    "--test-reporter=./scripts/test-reporter.ts",
    "--test-reporter-destination=stdout",
    ...runnerArgs,
    ...paths,
  ]);
  if (!existsSync(OUTCOME_PATH)) return undefined;
  const outcome = readOutcome(OUTCOME_PATH);
  return code === 0 || outcome.failedFiles.length > 0 ? outcome : undefined;
}

/**
 * A machine of CI that others share must not decide by a moment's hiccup what lands: the few files that
 * failed run once more, alone. What then passes is reported as flaky, with the first failure above it, and is to
 * be mended. What fails twice has failed.
 */
function runAgain(outcome: TestOutcome): TestOutcome {
  const again = outcome.failedFiles.map((file) => relative(ROOT, file));
  if (!IS_CI || again.length === 0 || again.length > FLAKY_FILES_MAX) return outcome;
  console.log(`\nOnce more, alone: ${again.join(", ")}`);
  const second = runTests(again, 1);
  if (second === undefined || second.failedFiles.length > 0) return outcome;
  console.log(`\nFlaky, to be mended: ${again.join(", ")}`);
  return passedInTheEnd(outcome);
}

/** In a whole run the unit tests come in few files, each of which loads its share of them. */
function inSharedProcesses(files: readonly string[]): readonly string[] {
  if (paths.length > 0) return files;
  const isUnit = (file: string): boolean => file.startsWith("src/");
  const units = files.filter(isUnit);
  mkdirSync(SHARED_PROCESSES, { recursive: true });
  const shared = Array.from({ length: UNIT_PROCESSES }, (_, index) => {
    const path = join(SHARED_PROCESSES, `${index + 1}.test.mjs`);
    const share = units.filter((_, position) => position % UNIT_PROCESSES === index);
    writeFileSync(path, share.map((file) => `import "../../${file}";\n`).join(""));
    return path;
  });
  return [...shared, ...files.filter((file) => !isUnit(file))];
}

function isJudge(file: string): boolean {
  return JUDGES.some((path) => isBelow(file, path));
}

/** Whether the test file is the path, lies in it, or tests the source file that the path names. */
function isBelow(file: string, path: string): boolean {
  const wanted = relative(ROOT, join(ROOT, path));
  const isFolder = existsSync(join(ROOT, wanted)) && !wanted.endsWith(".ts");
  return isFolder ? file.startsWith(`${wanted}/`) : file === wanted || file === testOf(wanted);
}

function testOf(source: string): string {
  return source.replace(/\.ts$/, ".test.ts");
}

function step(label: string, command: string, args: readonly string[]): void {
  const startedMs = performance.now();
  const code = run(command, args);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.error(`${label}: ${code === 0 ? "passed" : "failed"} in ${seconds} s`);
  if (code === 0) return;
  // In CI one run should tell everything; at a desk the first fault is what one works on.
  if (!IS_CI) process.exit(code);
  failedSteps.push(label);
}

function run(command: string, args: readonly string[]): number {
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE: join(ROOT, ".cache", "compile"),
    [OUTCOME_VARIABLE]: OUTCOME_PATH,
  };
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  if (result.error) throw result.error;
  return result.status ?? 1;
}
