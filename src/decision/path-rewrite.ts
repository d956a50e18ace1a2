/** How routes and redirects change a path. Compiled; the query is never touched. */
import type { RegexMatchAndSubstitute } from "../gen/envoy/type/matcher/v3/regex_pb.js";
import type { FieldError } from "./field-error.ts";
import { linearRegex } from "./string-matcher.ts";

export type PathRewrite = (path: string) => string;

/** Replaces the matched prefix (or whole exact path) by `replacement`. */
export function prefixRewrite(
  matchedPart: string | undefined,
  replacement: string,
  path: string,
  errors: FieldError[],
): PathRewrite {
  if (matchedPart === undefined) {
    errors.push({ path, message: "prefix_rewrite needs a prefix or path match" });
    return (value) => value;
  }
  const length = matchedPart.length;
  return (value) => replacement + value.slice(length);
}

export function regexRewrite(
  rewrite: RegexMatchAndSubstitute,
  path: string,
  errors: FieldError[],
): PathRewrite {
  const { pattern, substitution } = rewrite;
  if (pattern === undefined) {
    errors.push({ path: `${path}.pattern`, message: "a pattern is required" });
    return (value) => value;
  }
  const regex = linearRegex(pattern, `${path}.pattern`, errors);
  return regex === undefined ? (value) => value : (value) => regex.replaceAll(value, substitution);
}
