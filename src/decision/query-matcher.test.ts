/** Conditions on query parameters, as a running Envoy 1.40 reads them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { matches, routeErrors } from "../../test/support/routing-fixture.ts";

function takes(matcher: JsonObject, target: string): boolean {
  return matches({ prefix: "/", query_parameters: [matcher] }, target);
}

test("a parameter's first value is compared as it stands there", () => {
  const isB = { name: "a", string_match: { exact: "b" } };
  for (const target of ["/?a=b", "/?x&a=b", "/?a=b&a=c", "/?a=b&", "/?&a=b", "/?aa=1&a=b"]) {
    assert.equal(takes(isB, target), true, target);
  }
  for (const target of [
    "/",
    "/?a",
    "/?a=c&a=b",
    "/?A=b",
    "/?b=a",
    "/?a=b;c",
    "/?aa=b",
    "/?x=a=b",
  ]) {
    assert.equal(takes(isB, target), false, target);
  }
});

test("nothing is decoded: neither names nor values, neither percent nor plus", () => {
  const exact = (value: string): JsonObject => ({ name: "a", string_match: { exact: value } });
  assert.equal(takes(exact("b c"), "/?a=b%20c"), false);
  assert.equal(takes(exact("b%20c"), "/?a=b%20c"), true);
  assert.equal(takes(exact("b c"), "/?a=b+c"), false);
  assert.equal(takes(exact("b"), "/?%61=b"), false);
  assert.equal(takes(exact("%zz"), "/?a=%zz"), true);
});

test("a value may have = and ? in it", () => {
  assert.equal(takes({ name: "a", string_match: { exact: "b=c" } }, "/?a=b=c"), true);
  assert.equal(takes({ name: "a", string_match: { exact: "b?c=d" } }, "/?a=b?c=d"), true);
});

test("a parameter without a value is empty", () => {
  const isEmpty = { name: "a", string_match: { exact: "" } };
  assert.equal(takes(isEmpty, "/?a"), true);
  assert.equal(takes(isEmpty, "/?a="), true);
  assert.equal(takes(isEmpty, "/"), false);
});

test("presence, absence, and a matcher that says nothing", () => {
  for (const condition of [{ present_match: true }, {}]) {
    assert.equal(takes({ name: "a", ...condition }, "/?b&a"), true);
    assert.equal(takes({ name: "a", ...condition }, "/?b=a"), false);
  }
  assert.equal(takes({ name: "a", present_match: false }, "/?a"), false);
  assert.equal(takes({ name: "a", present_match: false }, "/?b"), true);
});

test("a name with & or = is in no query", () => {
  assert.equal(takes({ name: "a=b", string_match: { exact: "c" } }, "/?a=b=c"), false);
  assert.equal(takes({ name: "a&b", present_match: true }, "/?a&b"), false);
});

test("finding a parameter agrees with cutting the query at & and =", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "b", "=", "&"), maxLength: 12 });
  fc.assert(
    fc.property(part, fc.constantFrom("a", "ab", "b", "aa"), (query, name) => {
      const cut = query.split("&").map((pair) => {
        const equals = pair.indexOf("=");
        return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      });
      const value = cut.find(([key]) => key === name)?.[1];
      assert.equal(takes({ name }, `/?${query}`), value !== undefined);
      if (value !== undefined) {
        assert.equal(takes({ name, string_match: { exact: value } }, `/?${query}`), true);
      }
    }),
  );
});

test("what cannot be meant is refused at its path", () => {
  const errorsOf = (matcher: JsonObject): readonly string[] =>
    routeErrors({
      match: { prefix: "/", query_parameters: [matcher] },
      direct_response: { status: 200 },
    });
  assert.deepEqual(errorsOf({ present_match: true }), [
    "match.query_parameters[0].name: a parameter name is required",
  ]);
  assert.deepEqual(errorsOf({ name: "a", string_match: {} }), [
    "match.query_parameters[0].string_match: one of exact, prefix, suffix, contains, safe_regex is required",
  ]);
});
