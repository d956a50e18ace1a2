/**
 * docs/features.md promises a test through real processes for each of its rows, and says what a real Envoy does: here
 * the promise is kept to. What a test asserts, only a reader can judge.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { corpus } from "./oracle/corpus/corpus.ts";
import { importsOf, resolveImport } from "./tidy/source-file.ts";

const ROOT = join(import.meta.dirname, "..");
const ROWS_MIN = 120;
/** What starts `bin/tulle`, and what starts Envoy. */
const OUR_PROCESSES = [
  "test/support/proxy-process.ts",
  "test/support/tulle-process.ts",
  "test/e2e/tulle-process.ts",
  "test/oracle/sidecar-process.ts",
];
const ENVOY = "test/support/envoy-binary.ts";

interface Row {
  readonly feature: string;
  readonly yaml: string;
  readonly tests: readonly string[];
  readonly envoy: string;
}

/** A bar inside a cell would be a cell of its own: rows of another width are told by `problemsOf`. */
function rowsOf(document: string): readonly Row[] {
  return document
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(1)
    .map((line) => {
      const [, feature = "", yaml = "", tests = "", envoy = "", ...rest] = line.split("|");
      return {
        feature: feature.trim(),
        yaml: yaml.trim(),
        tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path),
        envoy: rest.length === 1 ? envoy.trim() : "",
      };
    });
}

/** The files below test/ that a file runs with, itself among them. */
function reached(path: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(path) || !existsSync(join(ROOT, path))) return found;
  found.add(path);
  for (const { specifier, kind } of importsOf({ path, text: read(path) })) {
    if (kind === "type" || !specifier.startsWith(".")) continue;
    const next = resolveImport(path, specifier);
    if (next.startsWith("test/")) reached(next, found);
  }
  return found;
}

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const groups = new Set(corpus.map(({ id }) => id.slice(0, id.lastIndexOf("/"))));

function problemsOf({ feature, tests, envoy }: Row): readonly string[] {
  const problems: string[] = [];
  const files = tests.map((path) => ({ path, uses: reached(path) }));
  if (tests.length === 0) problems.push("it names no test");
  for (const { path, uses } of files) {
    if (!path.startsWith("test/") || !path.endsWith(".test.ts")) {
      problems.push(`${path} is no test below test/`);
    } else if (uses.size === 0) {
      problems.push(`${path} does not exist`);
    } else if (![...OUR_PROCESSES, ENVOY].some((start) => uses.has(start))) {
      problems.push(`${path} starts no real process`);
    }
  }
  if (!files.some(({ uses }) => OUR_PROCESSES.some((start) => uses.has(start)))) {
    problems.push("none of its tests starts bin/tulle");
  }
  const runsEnvoy = files.some(({ uses }) => uses.has(ENVOY));
  problems.push(...envoyProblems(envoy, runsEnvoy));
  return problems.map((problem) => `${feature}: ${problem}`);
}

function envoyProblems(envoy: string, runsEnvoy: boolean): readonly string[] {
  const names = [...envoy.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
  if (/^same, by test\b/.test(envoy)) return runsEnvoy ? [] : ["none of its tests runs an Envoy"];
  if (envoy.startsWith("same: ")) {
    if (names.length === 0) return ["it names no group of cases"];
    const unknown = names.filter((name) => !groups.has(name));
    return unknown.map((name) => `the oracle has no cases ${name}`);
  }
  if (envoy.startsWith("accepted: ")) {
    const [name = ""] = names;
    const isThere = existsSync(join(ROOT, "src", "translate", "testdata", name));
    return name !== "" && isThere ? [] : [`there is no src/translate/testdata/${name}`];
  }
  return /^own\b/.test(envoy) ? [] : [`"${envoy}" says nothing about Envoy`];
}

describe("docs/features.md", () => {
  const rows = rowsOf(read("docs/features.md"));

  test("has its rows, each once", () => {
    assert.ok(rows.length >= ROWS_MIN, `${rows.length} rows`);
    const keys = rows.map(({ feature, yaml }) => `${feature} | ${yaml}`);
    assert.deepEqual(
      keys.filter((key, index) => keys.indexOf(key) !== index),
      [],
    );
    const features = rows.map(({ feature }) => feature);
    assert.equal(new Set(features).size, features.length, "a feature has two rows");
  });

  test("names a test for each row that drives it through real processes, and what Envoy does", () => {
    const problems = rows.flatMap(problemsOf);
    assert.equal(problems.length, 0, `\n${problems.join("\n")}\n`);
  });

  test("each kind of broken promise is found", () => {
    const row = { feature: "f", yaml: "", tests: ["test/e2e/run.test.ts"], envoy: "own" };
    assert.deepEqual(problemsOf(row), []);
    for (const [broken, wanted] of [
      [{ tests: ["test/e2e/gone.test.ts"] }, /gone\.test\.ts does not exist/],
      [{ tests: ["test/oracle/corpus/filters.ts"] }, /filters\.ts is no test/],
      [{ tests: ["src/core/clock.test.ts"] }, /clock\.test\.ts is no test/],
      [{ tests: ["test/integration/proxy-cors.test.ts"] }, /starts no real process/],
      [{ tests: ["test/interop/translate-envoy.test.ts"] }, /none of its tests starts bin/],
      [{ tests: [] }, /names no test/],
      [{ envoy: "same" }, /says nothing/],
      [{ envoy: "same, by test" }, /none of its tests runs an Envoy/],
      [{ envoy: "same: `nothing`" }, /no cases nothing/],
      [{ envoy: "accepted: `none.yaml`" }, /there is no src\/translate\/testdata\/none\.yaml/],
    ] as const) {
      assert.match(problemsOf({ ...row, ...broken }).join("\n"), wanted);
    }
  });
});
