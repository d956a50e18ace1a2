/** The path part of a route match, compiled. Paths are canonical and without query. */
import type { RouteMatch } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { exactTest, regexTest, type StringTest } from "./string-matcher.ts";

export interface PathMatcher {
  readonly matches: StringTest;
  /** What a prefix rewrite replaces: the prefix itself, or undefined for a regular expression. */
  readonly matchedPart: string | undefined;
  /** True for the match of every path, which needs no test. */
  readonly isAny: boolean;
}

export function compilePathMatcher(
  match: RouteMatch,
  path: string,
  errors: FieldError[],
): PathMatcher {
  const specifier = match.pathSpecifier;
  const ignoreCase = match.caseSensitive === false;
  switch (specifier.case) {
    case "prefix":
      return {
        matches: prefixTest(specifier.value, ignoreCase),
        matchedPart: specifier.value,
        isAny: specifier.value === "/" || specifier.value === "",
      };
    case "path":
      return {
        matches: exactTest(specifier.value, ignoreCase),
        matchedPart: specifier.value,
        isAny: false,
      };
    case "pathSeparatedPrefix":
      return separatedPrefix(specifier.value, ignoreCase, path, errors);
    case "safeRegex":
      return {
        matches: regexTest(specifier.value, `${path}.safe_regex`, errors),
        matchedPart: undefined,
        isAny: false,
      };
    default:
      errors.push({
        path,
        message: "one of prefix, path, path_separated_prefix, safe_regex is required",
      });
      return { matches: () => false, matchedPart: undefined, isAny: false };
  }
}

function prefixTest(prefix: string, ignoreCase: boolean): StringTest {
  if (!ignoreCase) return (path) => path.startsWith(prefix);
  const folded = prefix.toLowerCase();
  return (path) => path.slice(0, prefix.length).toLowerCase() === folded;
}

/** Whole path segments only: `/a` matches `/a` and `/a/b`, never `/ab`. */
function separatedPrefix(
  prefix: string,
  ignoreCase: boolean,
  path: string,
  errors: FieldError[],
): PathMatcher {
  if (!prefix.startsWith("/") || prefix.endsWith("/") || /[?#]/.test(prefix)) {
    const message = "must start with /, must not end with / and must have no ? or #";
    errors.push({ path: `${path}.path_separated_prefix`, message });
  }
  const startsWith = prefixTest(prefix, ignoreCase);
  const length = prefix.length;
  return {
    matches: (value) =>
      startsWith(value) && (value.length === length || value.charCodeAt(length) === 0x2f),
    matchedPart: prefix,
    isAny: false,
  };
}
