/** Envoy's StringMatcher and its kin, compiled to one small object that tests a string. */
import type { RegexMatcher } from "../gen/envoy/type/matcher/v3/regex_pb.js";
import type { StringMatcher } from "../gen/envoy/type/matcher/v3/string_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileRegex, type LinearRegex } from "./linear-regex.ts";

const NEVER: StringTest = () => false;

export type StringTest = (value: string) => boolean;

/** Compiles a matcher. An invalid one is reported in `errors` and matches nothing. */
export function compileStringMatcher(
  matcher: StringMatcher,
  path: string,
  errors: FieldError[],
): StringTest {
  const pattern = matcher.matchPattern;
  const fold = matcher.ignoreCase;
  switch (pattern.case) {
    case "exact":
      return exactTest(pattern.value, fold);
    case "prefix":
      return affixTest(pattern.value, fold, (value, prefix) => value.startsWith(prefix));
    case "suffix":
      return affixTest(pattern.value, fold, (value, suffix) => value.endsWith(suffix));
    case "contains":
      return affixTest(pattern.value, fold, (value, part) => value.includes(part));
    case "safeRegex":
      return regexTest(pattern.value, `${path}.safe_regex`, errors);
    default:
      errors.push({
        path,
        message: "one of exact, prefix, suffix, contains, safe_regex is required",
      });
      return NEVER;
  }
}

export function regexTest(matcher: RegexMatcher, path: string, errors: FieldError[]): StringTest {
  const regex = linearRegex(matcher, path, errors);
  return regex === undefined ? NEVER : (value) => regex.matchesAll(value);
}

/** The compiled expression, or undefined with the reason in `errors`. */
export function linearRegex(
  matcher: RegexMatcher,
  path: string,
  errors: FieldError[],
): LinearRegex | undefined {
  const regex = compileRegex(matcher.regex);
  if (!("error" in regex)) return regex;
  errors.push({ path: `${path}.regex`, message: regex.error });
  return undefined;
}

export function exactTest(expected: string, ignoreCase: boolean): StringTest {
  if (!ignoreCase) return (value) => value === expected;
  const folded = expected.toLowerCase();
  return (value) => value.length === folded.length && value.toLowerCase() === folded;
}

function affixTest(
  affix: string,
  ignoreCase: boolean,
  test: (value: string, affix: string) => boolean,
): StringTest {
  if (!ignoreCase) return (value) => test(value, affix);
  const folded = affix.toLowerCase();
  return (value) => test(value.toLowerCase(), folded);
}
