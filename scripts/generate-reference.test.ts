/** The reference in the repository is what the schemas say. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { isDeepStrictEqual } from "node:util";
import { referenceFiles } from "./generate-reference.ts";

const ROOT = join(import.meta.dirname, "..");

test("the reference of resources is up to date", () => {
  for (const [path, text] of referenceFiles()) {
    const message = `${path} is out of date: run node scripts/generate-reference.ts`;
    const written = readFileSync(join(ROOT, path), "utf8");
    const isSame = path.endsWith(".json")
      ? isDeepStrictEqual(JSON.parse(written), JSON.parse(text))
      : written === text;
    assert.ok(isSame, message);
  }
});

test("the reference holds no page of a kind that is gone", () => {
  const written = globSync("docs/reference/{resources,schemas}/*", { cwd: ROOT });
  assert.deepEqual(written.sort(), [...referenceFiles().keys()].sort());
});

test("the pages name every field that an author may write, with defaults and allowed values", () => {
  const page = referenceFiles().get("docs/reference/resources/trafficpolicy.md") ?? "";
  assert.match(page, /\| `spec\.loadBalancer\.algorithm` \| string \| {2}\| `PeakEWMA`, /);
  const defaults = referenceFiles().get("docs/reference/resources/meshconfig.md") ?? "";
  assert.match(
    defaults,
    /\| `spec\.defaults\.loadBalancer\.algorithm` \| string \| `"PeakEWMA"` \| `PeakEWMA`, /,
  );
  assert.match(page, /\| `spec\.connectTimeout` \| string \| {2}\| a duration of 1ms to 1h \| /);
  assert.match(page, /\| `spec\.targetRefs` \| list of map \| required \| 1 to 16 items \| /);
});
