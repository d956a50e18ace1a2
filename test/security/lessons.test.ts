/** The index of lessons tells the truth: each has its tests, and the page says the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkPage, code, table } from "../reference/reference-page.ts";
import { LESSONS, type Lesson } from "./lessons.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const INTRODUCTION = `# Lessons of others

What went wrong in proxies, meshes and runtimes, what has to hold here because of it, and the tests that show that it does.
The page is written from \`test/security/lessons.ts\`, and a test holds it to the tests that there are. What happens to
hostile values in every field of every resource is tried in \`test/security/bad-resources.test.ts\` (by \`apply\`) and
\`test/security/bad-xds.test.ts\` (by xDS).

`;

function cellsOf({ id, lesson, rule, tests }: Lesson): readonly string[] {
  return [id, lesson, rule, Object.keys(tests).map(code).join("<br>")];
}

test("there are thirty, in order", () => {
  assert.deepEqual(
    LESSONS.map(({ id }) => id),
    Array.from({ length: 30 }, (_, index) => `T${index + 1}`),
  );
});

for (const { id, tests } of LESSONS) {
  test(`${id} has the tests that are named`, () => {
    assert.ok(Object.keys(tests).length > 0);
    for (const [file, names] of Object.entries(tests)) {
      const source = readFileSync(join(ROOT, file), "utf8");
      for (const name of names) assert.ok(source.includes(name), `${file} has no "${name}"`);
    }
  });
}

test("the page says the same", () => {
  const header = ["", "what went wrong", "what holds here", "tests"];
  checkPage(
    "../internals/security-lessons.md",
    `${INTRODUCTION}${table(header, LESSONS.map(cellsOf))}\n`,
  );
});
