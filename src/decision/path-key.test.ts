/** What the beginning of a regular expression says about the paths that match it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileRegex } from "./linear-regex.ts";
import { literalPrefix } from "./path-key.ts";

test("the literal beginning of a pattern", () => {
  const wanted = {
    "/items/[0-9]+": "/items/",
    "^/items": "/items",
    "/a\\.b": "/a.b",
    "/ab?c": "/a",
    "/ab*": "/a",
    "/ab+c": "/ab",
    "/ab{2}": "/a",
    "/a|/b": "",
    "/(a|b)/c": "/",
    "/[a|b]/c|d": "",
    "/a[^]|]b": "/a",
    "(?i)/a": "",
    "/\\d": "/",
    "/\\Qa|b\\E": "",
    ".*": "",
    "": "",
  };
  const found = Object.fromEntries(
    Object.keys(wanted).map((pattern) => [pattern, literalPrefix(pattern)]),
  );
  assert.deepEqual(found, wanted);
});

test("whatever matches a pattern begins with its literal beginning", () => {
  const part = fc.constantFrom(
    ...["/", "a", "b", "(", ")", "|", "[", "]", "^", "+", "?", "*", "\\", ".", "{0,1}", "[ab]"],
    ...["(a|b)", "(?i)", "[^]a]", "[[:alpha:]]", "\\.", "\\d", "\\Q", "\\E", "$"],
  );
  const pattern = fc.array(part, { maxLength: 7 }).map((parts) => parts.join(""));
  const text = fc.array(fc.constantFrom("/", "a", "b", "A", ".", "|", "]"), { maxLength: 5 });
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 20, maxLength: 20 }), (source, texts) => {
      const regex = compileRegex(source);
      if ("error" in regex) return;
      const prefix = literalPrefix(source);
      for (const characters of texts) {
        const value = characters.join("");
        if (!regex.matchesAll(value)) continue;
        assert.ok(value.startsWith(prefix), `${source} matches ${value}, not ${prefix}`);
      }
    }),
    { numRuns: 3_000 },
  );
});
