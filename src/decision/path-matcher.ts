/** The path part of a route match, compiled. Paths are canonical and without query. */

import { asciiLowerCase, wireText } from "../core/wire-text.ts";
import type { RouteMatch } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { exactTest, regexTest, type StringTest } from "./string-matcher.ts";

export interface PathMatcher {
  readonly matches: StringTest;
  /** The prefix that a prefix rewrite replaces, or undefined when it replaces the whole path. */
  readonly matchedPart: string | undefined;
  /** True for the match of every path, which needs no test. */
  readonly isAny: boolean;
}

export const NO_PATH: PathMatcher = { matches: () => false, matchedPart: undefined, isAny: false };

export function compilePathMatcher(
  match: RouteMatch,
  path: string,
  errors: FieldError[],
): PathMatcher {
  const specifier = match.pathSpecifier;
  const ignoreCase = match.caseSensitive === false;
  switch (specifier.case) {
    case "prefix": {
      const prefix = wireText(specifier.value);
      return {
        matches: prefixTest(prefix, ignoreCase),
        matchedPart: prefix,
        isAny: prefix === "/" || prefix === "",
      };
    }
    case "path":
      return {
        matches: exactTest(specifier.value, ignoreCase),
        matchedPart: undefined,
        isAny: false,
      };
    case "pathSeparatedPrefix":
      return separatedPrefix(specifier.value, ignoreCase, path, errors);
    case "safeRegex":
      // case_sensitive is for the others: a pattern says (?i) itself.
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
      return NO_PATH;
  }
}

function prefixTest(prefix: string, ignoreCase: boolean): StringTest {
  if (!ignoreCase) return (path) => path.startsWith(prefix);
  const folded = asciiLowerCase(prefix);
  const length = prefix.length;
  return (path) => asciiLowerCase(path.slice(0, length)) === folded;
}

/** Whole path segments only: `/a` matches `/a` and `/a/b`, never `/ab`. */
function separatedPrefix(
  value: string,
  ignoreCase: boolean,
  path: string,
  errors: FieldError[],
): PathMatcher {
  if (!value.startsWith("/") || value.endsWith("/") || /[?#]/.test(value)) {
    const message = "must start with /, must not end with / and must have no ? or #";
    errors.push({ path: `${path}.path_separated_prefix`, message });
  }
  const prefix = wireText(value);
  const startsWith = prefixTest(prefix, ignoreCase);
  const length = prefix.length;
  return {
    matches: (text) =>
      startsWith(text) && (text.length === length || text.charCodeAt(length) === 0x2f),
    matchedPart: prefix,
    isAny: false,
  };
}
