/** The four kinds of path match. What Envoy does was read off a running Envoy 1.40. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { matches, routeErrors } from "../../test/support/routing-fixture.ts";

const CASES: readonly (readonly [JsonObject, yes: readonly string[], no: readonly string[]])[] = [
  [{ path: "/a" }, ["/a", "/a?x"], ["/A", "/a/", "/ab", "/"]],
  [{ path: "/aB", case_sensitive: false }, ["/Ab", "/ab?x"], ["/abc"]],
  [{ path: "" }, [], ["/"]],
  [{ prefix: "/" }, ["/", "/a", "*"], []],
  [{ prefix: "" }, ["/", "/a"], []],
  [{ prefix: "/a" }, ["/a", "/ab", "/a/b", "/a?b"], ["/A", "/b/a"]],
  [{ prefix: "/a/" }, ["/a/", "/a/b"], ["/a"]],
  [{ prefix: "/aB", case_sensitive: false }, ["/ab", "/ABc"], ["/a"]],
  [{ prefix: "/a?x" }, [], ["/a?x=1"]],
  [{ path_separated_prefix: "/a" }, ["/a", "/a/", "/a/b", "/a?b"], ["/ab", "/A/b", "/"]],
  [{ path_separated_prefix: "/a", case_sensitive: false }, ["/A", "/A/b"], ["/aB"]],
  [{ safe_regex: { regex: "/a\\d+" } }, ["/a12", "/a1?q=1"], ["/a12b", "/A1", "/a"]],
  [{ safe_regex: { regex: "/a" }, case_sensitive: false }, ["/a"], ["/A"]],
  [{ safe_regex: { regex: "/a|/ab" } }, ["/a", "/ab"], ["/abc"]],
];

for (const [match, yes, no] of CASES) {
  test(`${JSON.stringify(match)} takes what Envoy's does`, () => {
    for (const target of yes) assert.equal(matches(match, target), true, target);
    for (const target of no) assert.equal(matches(match, target), false, target);
  });
}

test("case_sensitive: true is the default", () => {
  assert.equal(matches({ prefix: "/a", case_sensitive: true }, "/A"), false);
});

test("a match without a kind, and separated prefixes that separate nothing, are refused", () => {
  const errorsOf = (match: JsonObject): readonly string[] =>
    routeErrors({ match, direct_response: { status: 200 } });
  assert.deepEqual(errorsOf({}), [
    "match: one of prefix, path, path_separated_prefix, safe_regex is required",
  ]);
  for (const value of ["/", "/a/", "a", "/a?b", "/a#b", ""]) {
    assert.deepEqual(errorsOf({ path_separated_prefix: value }), [
      "match.path_separated_prefix: must start with /, must not end with / and must have no ? or #",
    ]);
  }
  assert.deepEqual(errorsOf({ safe_regex: { regex: "" } }), [
    "match.safe_regex.regex: a pattern is required",
  ]);
});
