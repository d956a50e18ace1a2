/** The regular expressions: whole matches, RE2's substitutions, what is refused, and linear time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileRegex, type LinearRegex, REGEX_LENGTH_MAX } from "./linear-regex.ts";

function compiled(pattern: string): LinearRegex {
  const regex = compileRegex(pattern);
  if ("error" in regex) throw new Error(regex.error);
  return regex;
}

function replaced(text: string, pattern: string, substitution: string): string {
  const replacer = compiled(pattern).replacer(substitution);
  if ("error" in replacer) throw new Error(replacer.error);
  return replacer(text);
}

function substitutionError(pattern: string, substitution: string): string {
  const replacer = compiled(pattern).replacer(substitution);
  return "error" in replacer ? replacer.error : "";
}

test("the whole text has to match, whichever alternative does", () => {
  assert.equal(compiled("/a|/ab").matchesAll("/ab"), true);
  assert.equal(compiled("/a").matchesAll("/a/b"), false);
  assert.equal(compiled("/a$").matchesAll("/a"), true);
  assert.equal(compiled("a").matchesAll("a\n"), false);
});

const REFUSED = [
  ["", "a pattern is required"],
  ["(", "missing closing )"],
  ["(a)\\1", "invalid escape sequence"],
  ["(?=a)", "invalid or unsupported Perl syntax"],
  ["(?<=a)b", "invalid named capture"],
  ["a++", "invalid nested repetition operator"],
  ["a{1001}", "invalid repeat count"],
  ["((a{100}){100}){100}", "invalid repeat count"],
  ["[b-a]", "invalid character class range"],
  ["x".repeat(REGEX_LENGTH_MAX + 1), "1025 characters, 1024 are allowed"],
] as const;

for (const [pattern, reason] of REFUSED) {
  test(`refuses ${pattern.length > 20 ? "a pattern that is too long" : `"${pattern}"`}`, () => {
    const regex = compileRegex(pattern);
    assert.ok("error" in regex);
    assert.ok(regex.error.includes(reason), regex.error);
  });
}

test("a pattern that stalls a backtracking engine takes linear time", () => {
  const regex = compiled("(a+)+(a|aa)+b");
  // A backtracking engine needs more than 2^5000 steps for this, and would never end.
  assert.equal(regex.matchesAll("a".repeat(5_000)), false);
});

test("substitutions name groups as RE2 does", () => {
  assert.equal(replaced("/one/two", "(o)ne", "[\\1\\0]"), "/[oone]/two");
  assert.equal(replaced("/abc", "(b)", "\\10"), "/ab0c");
  assert.equal(replaced("/abc", "b", "$1$&$$"), "/a$1$&$$c");
  assert.equal(replaced("/abc", "b", "\\\\"), "/a\\c");
  assert.equal(replaced("/abc", "(x)?b", "[\\1]"), "/a[]c");
  assert.equal(replaced("/a/a/a", "a", "b"), "/b/b/b");
});

test("an empty match right behind a match does not count, as in RE2", () => {
  assert.equal(replaced("/abxxc", "x*", "-"), "-/-a-b-c-");
});

test("a substitution that means nothing is refused", () => {
  assert.match(
    substitutionError("(b)", "\\2"),
    /\\2 names a group that the pattern does not have: it has 1/,
  );
  assert.match(substitutionError("(b)", "\\x"), /"\\x" means nothing/);
  assert.match(substitutionError("(b)", "x\\"), /"\\" means nothing/);
  assert.equal(substitutionError("(b)", "\\1"), "");
});

/** Expressions on which RE2 and JavaScript agree: no look-around, no back-references, no flags. */
const regexText = fc.letrec<{ node: string; atom: string }>((tie) => ({
  atom: fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\.", "1"),
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("atom"),
    fc.tuple(tie("node"), tie("node")).map(([left, right]) => left + right),
    fc.tuple(tie("node"), tie("node")).map(([left, right]) => `(${left}|${right})`),
    fc
      .tuple(tie("node"), fc.constantFrom("*", "+", "?", "{1,2}"))
      .map(([inner, count]) => `(?:${inner})${count}`),
  ),
})).node;
const subject = fc.string({ unit: fc.constantFrom("a", "b", "1", ".", "/"), maxLength: 8 });

test("matching agrees with JavaScript's RegExp where both mean the same", () => {
  fc.assert(
    fc.property(regexText, subject, (pattern, text) => {
      assert.equal(compiled(pattern).matchesAll(text), new RegExp(`^(?:${pattern})$`).test(text));
    }),
    { numRuns: 500 },
  );
});

test("replacing agrees with JavaScript's RegExp where no match is empty", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("a", "[ab]+", "a|b1", "(a)(b)", "\\d"),
      subject,
      (pattern, text) => {
        const wanted = text.replace(new RegExp(pattern, "g"), "<$&>");
        assert.equal(replaced(text, pattern, "<\\0>"), wanted);
      },
    ),
  );
});
