import assert from "node:assert/strict";
import { test } from "node:test";
import { apiErrorResponse } from "./api-error.ts";
import { parseLabelSelector } from "./label-selector.ts";

const V1 = { app: "catalog", version: "v1" };

test("terms select as kubectl's do, and all must hold", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["", true],
    ["app=catalog", true],
    ["app==catalog , version = v1", true],
    ["app=catalog,version=v2", false],
    ["version!=v2", true],
    ["zone!=a", true],
    ["version in (v1, v2)", true],
    ["version in (v2),app=catalog", false],
    ["version notin (v2,v3)", true],
    ["zone notin (a)", true],
    ["zone in (a)", false],
    ["version", true],
    ["zone", false],
    ["!zone", true],
    ["!version", false],
  ];
  for (const [selector, expected] of cases) {
    assert.equal(parseLabelSelector(selector)(V1), expected, selector);
  }
});

test("what is no selector is refused", () => {
  for (const bad of ["a b", "=x", "a in b", "a=b=c", "a,,b", "a in (b"]) {
    assert.throws(
      () => parseLabelSelector(bad),
      (error) => apiErrorResponse(error).status === 400,
      bad,
    );
  }
});
