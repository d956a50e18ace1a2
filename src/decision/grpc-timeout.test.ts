/** Deadlines of gRPC: what clients write, and what they may not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGrpcTimeout, parseGrpcTimeout } from "./grpc-timeout.ts";

test("every unit is read, parts of a millisecond count as one", () => {
  for (const [text, ms] of [
    ["2H", 7_200_000],
    ["3M", 180_000],
    ["4S", 4000],
    ["5m", 5],
    ["0m", 0],
    ["1u", 1],
    ["1001u", 2],
    ["99999999n", 100],
  ] as const) {
    assert.equal(parseGrpcTimeout(text), ms, text);
  }
});

test("what is no timeout is none", () => {
  for (const text of ["", "m", "1", "1s", "-1m", "1.5S", "123456789m", "1 m", "١m"]) {
    assert.equal(parseGrpcTimeout(text), undefined, text);
  }
});

test("a long time is written in a coarser unit", () => {
  assert.equal(formatGrpcTimeout(1500), "1500m");
  assert.equal(formatGrpcTimeout(99_999_999), "99999999m");
  assert.equal(formatGrpcTimeout(100_000_000), "100000S");
  assert.equal(formatGrpcTimeout(100_000_000_000), "1666666M");
  assert.equal(formatGrpcTimeout(36e13), "99999999H");
});
