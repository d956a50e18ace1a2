import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withoutVersions } from "./comparison.ts";
import { corpus } from "./corpus/corpus.ts";
import { tcpCases } from "./corpus/tcp.ts";
import { DIFFERENCES } from "./differences.ts";
import { differencesPage, PAGE_PATH } from "./differences-page.ts";

const PATH = join(import.meta.dirname, "..", "..", PAGE_PATH);
const REQUESTS_MIN = 2_000;
const names = [...corpus, ...tcpCases].map(({ id }) => id);

test("the corpus is large, and each case and difference has a name of its own", () => {
  assert.ok(corpus.length >= REQUESTS_MIN);
  assert.deepEqual(repeated(names), []);
  assert.deepEqual(repeated(DIFFERENCES.map(({ id }) => id)), []);
});

test("each case that a difference names exists", () => {
  const known = new Set(names.flatMap((id) => [id, withoutVersions(id)]));
  const named = DIFFERENCES.flatMap(({ seen }) => seen).flatMap(({ cases }) =>
    cases === "any" ? [] : cases,
  );
  assert.deepEqual(
    named.filter((id) => !known.has(id)),
    [],
  );
});

test("the reference page says what the list says", () => {
  const page = differencesPage(DIFFERENCES, corpus);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(PATH, page);
  const message = `${PAGE_PATH} is out of date: run the test with UPDATE_GOLDEN=1`;
  assert.equal(readFileSync(PATH, "utf8"), page, message);
});

function repeated(names: readonly string[]): readonly string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}
