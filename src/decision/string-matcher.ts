/** Envoy's StringMatcher and its kin, compiled to one small function that tests a string in wire form. */

import { asciiLowerCase, wireText } from "../core/wire-text.ts";
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
  const ignoreCase = matcher.ignoreCase;
  switch (pattern.case) {
    case "exact":
      return exactTest(pattern.value, ignoreCase);
    case "prefix":
    case "suffix":
    case "contains":
      return affixTest(pattern.case, pattern.value, ignoreCase, `${path}.${pattern.case}`, errors);
    case "safeRegex":
      if (ignoreCase) {
        const message = "has no effect on safe_regex: write (?i) in front of the pattern";
        errors.push({ path: `${path}.ignore_case`, message });
      }
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
  const wire = wireText(expected);
  if (!ignoreCase) return (value) => value === wire;
  const folded = asciiLowerCase(wire);
  return (value) => value.length === folded.length && asciiLowerCase(value) === folded;
}

/** An empty affix would match everything: Envoy refuses it, because nobody means that. */
export function affixTest(
  kind: "prefix" | "suffix" | "contains",
  affix: string,
  ignoreCase: boolean,
  path: string,
  errors: FieldError[],
): StringTest {
  if (affix === "") errors.push({ path, message: "must not be empty" });
  const wire = ignoreCase ? asciiLowerCase(wireText(affix)) : wireText(affix);
  const test = AFFIX_TEST[kind];
  return ignoreCase ? (value) => test(asciiLowerCase(value), wire) : (value) => test(value, wire);
}

const AFFIX_TEST: Readonly<
  Record<"prefix" | "suffix" | "contains", (value: string, affix: string) => boolean>
> = {
  prefix: (value, affix) => value.startsWith(affix),
  suffix: (value, affix) => value.endsWith(affix),
  contains: (value, affix) => value.includes(affix),
};
