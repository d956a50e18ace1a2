import assert from "node:assert/strict";
import { test } from "node:test";
import { CliError } from "../errors.ts";
import { parseWeights } from "./weights.ts";

test("whole weights are taken as they are, percentages must add up to 100", () => {
  assert.deepEqual(parseWeights(["v1=90", "v2=10"]), [
    { name: "v1", weight: 90 },
    { name: "v2", weight: 10 },
  ]);
  assert.deepEqual(
    parseWeights(["v1=9", "v2=0"]).map(({ weight }) => weight),
    [9, 0],
  );
  assert.deepEqual(
    parseWeights(["v1=90%", "v2=10%"]).map(({ weight }) => weight),
    [90, 10],
  );
  assert.deepEqual(
    parseWeights(["v1=99.5%", "v2=0.5%"]).map(({ weight }) => weight),
    [9950, 50],
  );
  assert.deepEqual(
    parseWeights(["a=33.33%", "b=33.33%", "c=33.34%"]).map(({ weight }) => weight),
    [3333, 3333, 3334],
  );
  assert.deepEqual(parseWeights([]), []);
});

test("a wrong weight is named, with the way to write it", () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["v1"], /"v1" is not VERSION=WEIGHT/],
    [["=5"], /"=5" is not VERSION=WEIGHT/],
    [["v1="], /weight of v1: "" is not a whole number from 0 to 1000000/],
    [["v1=-1"], /weight of v1: "-1"/],
    [["v1=1.5"], /weight of v1: "1\.5"/],
    [["v1=1000001"], /weight of v1: "1000001"/],
    [["v1=101%"], /weight of v1: "101%" is not a percentage/],
    [["v1=0.001%"], /weight of v1: "0\.001%" is not a percentage/],
    [["v1=50%", "v2=49%"], /add up to 99%, not 100%/],
    [["v1=50%", "v2=50"], /mixed/],
    [["v1=0", "v2=0"], /all weights are 0/],
    [["v1=1", "v1=2"], /"v1" is given twice/],
    [Array.from({ length: 17 }, (_, index) => `v${index}=1`), /at most 16/],
  ];
  for (const [words, expected] of cases) {
    assert.throws(
      () => parseWeights(words),
      (error) =>
        error instanceof CliError && error.code === "CLI_USAGE" && expected.test(error.message),
      words.join(" "),
    );
  }
});
