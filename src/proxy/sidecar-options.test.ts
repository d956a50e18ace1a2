/** The number of workers: what is asked for, what each role has by default, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../core/errors.ts";
import { parseSidecarOptions, workerCount } from "./sidecar-options.ts";

function workers(text: string) {
  return parseSidecarOptions(["--bootstrap", "x", "--workers", text]).workers;
}

test("a number from 1 to 64, or auto", () => {
  assert.equal(workers("1"), 1);
  assert.equal(workers("64"), 64);
  assert.equal(workers("auto"), "auto");
  assert.equal(parseSidecarOptions(["--bootstrap", "x"]).workers, undefined);
});

for (const text of ["0", "-1", "1.5", "abc", "65", "1e1", "", " 2", "0x2", "1000"]) {
  test(`"${text}" is refused with what is allowed`, () => {
    assert.throws(
      () => workers(text),
      (error) => {
        assert.ok(hasCode(error, "usage") && error instanceof Error);
        const [first] = error.message.split("\n");
        assert.equal(
          first,
          `--workers ${text}: use a whole number from 1 to 64, or auto for one per core`,
        );
        return true;
      },
    );
  });
}

test("a sidecar has one by default, a gateway one per core", () => {
  assert.equal(workerCount(undefined, "sidecar", 8), 1);
  assert.equal(workerCount(undefined, "", 8), 1);
  assert.equal(workerCount(undefined, "gateway", 8), 8);
  assert.equal(workerCount(undefined, "gateway", 200), 64);
  assert.equal(workerCount("auto", "sidecar", 3), 3);
  assert.equal(workerCount(2, "gateway", 8), 2);
});
