/** The path part of a route match, compiled. Paths are canonical and without query. */

import { asciiLowerCase, wireText } from "../core/wire-text.ts";
import type { RouteMatch } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { exactTest, regexTest } from "./string-matcher.ts";

export interface PathMatcher {
  matches(path: string): boolean;
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
    case "prefix":
      return prefixMatcher(specifier.value, ignoreCase);
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

function prefixMatcher(value: string, ignoreCase: boolean): PathMatcher {
  const prefix = wireText(value);
  if (ignoreCase) return new FoldedPrefix(prefix, false);
  return new Prefix(prefix);
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
  return ignoreCase ? new FoldedPrefix(prefix, true) : new SeparatedPrefix(prefix);
}

// Matchers are objects of few parts: a request looks at one of perhaps thousands, whose memory is in no cache.

class Prefix implements PathMatcher {
  readonly matchedPart: string;
  readonly isAny: boolean;

  constructor(prefix: string) {
    this.matchedPart = prefix;
    this.isAny = prefix === "/" || prefix === "";
  }

  matches(path: string): boolean {
    return path.startsWith(this.matchedPart);
  }
}

class SeparatedPrefix implements PathMatcher {
  readonly matchedPart: string;
  readonly isAny = false;

  constructor(prefix: string) {
    this.matchedPart = prefix;
  }

  matches(path: string): boolean {
    const prefix = this.matchedPart;
    return path.startsWith(prefix) && isSegmentEnd(path, prefix.length);
  }
}

class FoldedPrefix implements PathMatcher {
  readonly matchedPart: string;
  readonly isAny: boolean;
  readonly #folded: string;
  readonly #isSeparated: boolean;

  constructor(prefix: string, isSeparated: boolean) {
    this.matchedPart = prefix;
    this.isAny = !isSeparated && (prefix === "/" || prefix === "");
    this.#folded = asciiLowerCase(prefix);
    this.#isSeparated = isSeparated;
  }

  matches(path: string): boolean {
    const { length } = this.#folded;
    if (asciiLowerCase(path.slice(0, length)) !== this.#folded) return false;
    return !this.#isSeparated || isSegmentEnd(path, length);
  }
}

function isSegmentEnd(path: string, at: number): boolean {
  return path.length === at || path.charCodeAt(at) === 0x2f;
}
