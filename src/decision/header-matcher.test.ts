/** Every kind of header condition. What Envoy does was read off a running Envoy 1.40 for each of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { matches, type RequestInit, routeErrors } from "../../test/support/routing-fixture.ts";

type Headers = readonly (readonly [string, string])[];

function takes(matcher: JsonObject, headers: Headers, init: RequestInit = {}): boolean {
  return matches({ prefix: "/", headers: [matcher] }, "/", { ...init, headers });
}

const X = (...values: readonly string[]): Headers => values.map((value) => ["X", value] as const);

const KINDS: readonly (readonly [JsonObject, yes: readonly string[], no: readonly string[]])[] = [
  [{ exact_match: "ab" }, ["ab"], ["abc", "AB", ""]],
  [{ prefix_match: "ab" }, ["ab", "abc"], ["xab", "a"]],
  [{ suffix_match: "ab" }, ["ab", "xab"], ["abc"]],
  [{ contains_match: "ab" }, ["ab", "xabx"], ["a b"]],
  [{ safe_regex_match: { regex: "a\\d+" } }, ["a1"], ["a", "a1x", "xa1"]],
  [{ string_match: { exact: "ab" } }, ["ab"], ["AB"]],
  [{ string_match: { exact: "aB", ignore_case: true } }, ["ab", "AB"], ["abc"]],
  [{ string_match: { exact: "" } }, [""], ["a"]],
  [{ string_match: { prefix: "aB", ignore_case: true } }, ["Abc"], ["xab"]],
  [{ string_match: { suffix: "aB", ignore_case: true } }, ["xAb"], ["abx"]],
  [{ string_match: { contains: "aB", ignore_case: true } }, ["xAbx"], ["axb"]],
  [{ string_match: { safe_regex: { regex: "(?i)AB|c" } } }, ["ab", "c"], ["abc"]],
  [
    { range_match: { start: "-10", end: "20" } },
    ["-10", "19", "+5", "-0", "0000000000000000000000000000005"],
    ["20", "-11", "", "+", "5a", "0x1", "- 5", "1.5", "99999999999999999999", "1,2"],
  ],
  [
    { range_match: { start: "9223372036854775806", end: "9223372036854775807" } },
    ["9223372036854775806"],
    ["9223372036854775805", "9223372036854775807", "18446744073709551616"],
  ],
  [
    { range_match: { start: "-9223372036854775808", end: "0" } },
    ["-9223372036854775808", "-1"],
    ["-9223372036854775809", "0"],
  ],
];

for (const [condition, yes, no] of KINDS) {
  test(`a header meets ${JSON.stringify(condition)}`, () => {
    for (const value of yes) {
      assert.equal(takes({ name: "x", ...condition }, X(value)), true, value);
      assert.equal(takes({ name: "x", ...condition, invert_match: true }, X(value)), false, value);
    }
    for (const value of no) {
      assert.equal(takes({ name: "x", ...condition }, X(value)), false, value);
      assert.equal(takes({ name: "x", ...condition, invert_match: true }, X(value)), true, value);
    }
  });
}

test("a missing header meets neither a condition nor its inversion", () => {
  assert.equal(takes({ name: "x", exact_match: "a" }, []), false);
  assert.equal(takes({ name: "x", exact_match: "a", invert_match: true }, []), false);
});

test("a missing header counts as empty when the matcher says so", () => {
  const empty = { name: "x", treat_missing_header_as_empty: true };
  assert.equal(takes({ ...empty, exact_match: "a", invert_match: true }, []), true);
  assert.equal(takes({ ...empty, exact_match: "a", invert_match: true }, X("a")), false);
  assert.equal(takes({ ...empty, safe_regex_match: { regex: "^$" } }, []), true);
  assert.equal(takes({ ...empty, range_match: { start: "0", end: "10" } }, []), false);
  // What counts as empty counts as there.
  assert.equal(takes({ ...empty, present_match: true }, []), true);
  assert.equal(takes({ ...empty, present_match: false }, []), false);
  assert.equal(takes({ ...empty, present_match: true, invert_match: true }, []), false);
});

test("presence is asked by present_match, and by a matcher without a condition", () => {
  for (const condition of [{ present_match: true }, {}]) {
    assert.equal(takes({ name: "x", ...condition }, X("")), true);
    assert.equal(takes({ name: "x", ...condition }, []), false);
    assert.equal(takes({ name: "x", ...condition, invert_match: true }, []), true);
    assert.equal(takes({ name: "x", ...condition, invert_match: true }, X("a")), false);
  }
  assert.equal(takes({ name: "x", present_match: false }, []), true);
  assert.equal(takes({ name: "x", present_match: false }, X("a")), false);
  assert.equal(takes({ name: "x", present_match: false, invert_match: true }, X("a")), true);
});

test("each field of a name is judged by itself: none can hide another", () => {
  const isA = { name: "x", string_match: { exact: "a" } };
  for (const values of [
    ["a", "b"],
    ["b", "a"],
    ["a", "a"],
  ]) {
    assert.equal(takes(isA, X(...values)), true);
    assert.equal(takes({ ...isA, invert_match: true }, X(...values)), false);
  }
  assert.equal(takes(isA, X("b", "c")), false);
  assert.equal(takes({ ...isA, invert_match: true }, X("b", "c")), true);
  assert.equal(takes({ name: "x", exact_match: "a,b" }, X("a", "b")), false);
  assert.equal(takes({ name: "x", exact_match: "a,b" }, X("a,b")), true);
  assert.equal(takes({ name: "x", range_match: { start: "2", end: "3" } }, X("1", "2")), true);
});

test("names are compared without case", () => {
  assert.equal(takes({ name: "X-Version", exact_match: "1" }, [["x-VERSION", "1"]]), true);
});

test("pseudo-headers read the request line and the authority", () => {
  const target = "/a?b=c";
  const init = { method: "PUT", host: "Shop:80", scheme: "https" };
  const cases: readonly (readonly [string, string])[] = [
    [":method", "PUT"],
    [":METHOD", "PUT"],
    [":authority", "Shop:80"],
    ["host", "Shop:80"],
    [":scheme", "https"],
    [":path", "/a?b=c"],
  ];
  for (const [name, value] of cases) {
    const exact = { prefix: "/", headers: [{ name, string_match: { exact: value } }] };
    assert.equal(matches(exact, target, init), true, name);
    const other = { prefix: "/", headers: [{ name, string_match: { exact: "other" } }] };
    assert.equal(matches(other, target, init), false, name);
  }
  const comma = { prefix: "/", headers: [{ name: ":path", string_match: { exact: "/a,b" } }] };
  assert.equal(matches(comma, "/a,b"), true);
  assert.equal(takes({ name: ":status", present_match: true }, []), false);
});

test("text beyond ASCII is compared as UTF-8 bytes, and only ASCII letters lose their case", () => {
  assert.equal(takes({ name: "x", exact_match: "é" }, X("é")), true);
  assert.equal(takes({ name: "x", prefix_match: "日" }, X("日本")), true);
  const folded = { name: "x", string_match: { exact: "aÉ", ignore_case: true } };
  assert.equal(takes(folded, X("AÉ")), true);
  assert.equal(takes(folded, X("aé")), false);
  assert.equal(takes({ name: "x", safe_regex_match: { regex: "é" } }, X("é")), true);
  assert.equal(takes({ name: "x", safe_regex_match: { regex: "." } }, X("é")), false);
});

test("all conditions of a match have to hold", () => {
  const match = {
    prefix: "/",
    headers: [
      { name: "a", exact_match: "1" },
      { name: "b", exact_match: "2" },
    ],
  };
  assert.equal(
    matches(match, "/", {
      headers: [
        ["a", "1"],
        ["b", "2"],
      ],
    }),
    true,
  );
  assert.equal(
    matches(match, "/", {
      headers: [
        ["a", "1"],
        ["b", "3"],
      ],
    }),
    false,
  );
  assert.equal(matches(match, "/", { headers: [["a", "1"]] }), false);
});

test("what cannot be meant is refused at its path", () => {
  const errorsOf = (matcher: JsonObject): readonly string[] =>
    routeErrors({ match: { prefix: "/", headers: [matcher] }, direct_response: { status: 200 } });
  const at = "match.headers[0]";
  assert.deepEqual(errorsOf({ present_match: true }), [`${at}.name: a header name is required`]);
  assert.deepEqual(errorsOf({ name: "x", prefix_match: "" }), [
    `${at}.prefix_match: must not be empty`,
  ]);
  assert.deepEqual(errorsOf({ name: "x", suffix_match: "" }), [
    `${at}.suffix_match: must not be empty`,
  ]);
  assert.deepEqual(errorsOf({ name: "x", contains_match: "" }), [
    `${at}.contains_match: must not be empty`,
  ]);
  assert.deepEqual(errorsOf({ name: "x", string_match: {} }), [
    `${at}.string_match: one of exact, prefix, suffix, contains, safe_regex is required`,
  ]);
  assert.deepEqual(errorsOf({ name: "x", safe_regex_match: {} }), [
    `${at}.safe_regex_match.regex: a pattern is required`,
  ]);
  assert.match(
    errorsOf({ name: "x", string_match: { safe_regex: { regex: "(" } } })[0] ?? "",
    /^match\.headers\[0\]\.string_match\.safe_regex\.regex: .*missing closing \)/,
  );
  assert.deepEqual(
    errorsOf({ name: "x", string_match: { safe_regex: { regex: "a" }, ignore_case: true } }),
    [
      `${at}.string_match.ignore_case: has no effect on safe_regex: write (?i) in front of the pattern`,
    ],
  );
});
