/** How routes and redirects change a path. Compiled; the query is never touched. */
import type { RegexMatchAndSubstitute } from "../gen/envoy/type/matcher/v3/regex_pb.js";
import type { FieldError } from "./field-error.ts";
import { linearRegex } from "./string-matcher.ts";

/** The result is a path, whatever the path was. */
export type PathRewrite = (path: string) => string;

/** Replaces the matched prefix by `replacement`; the whole path when the route matches no prefix. */
export function prefixRewrite(
  matchedPart: string | undefined,
  replacement: string,
  path: string,
  errors: FieldError[],
): PathRewrite {
  checkPathText(replacement, path, errors);
  if (!replacement.startsWith("/")) errors.push({ path, message: "must begin with /" });
  if (matchedPart === undefined) return () => replacement;
  const length = matchedPart.length;
  return (value) => replacement + value.slice(length);
}

export function regexRewrite(
  rewrite: RegexMatchAndSubstitute,
  path: string,
  errors: FieldError[],
): PathRewrite {
  const { pattern, substitution } = rewrite;
  checkPathText(substitution, `${path}.substitution`, errors);
  if (pattern === undefined) {
    errors.push({ path: `${path}.pattern`, message: "a pattern is required" });
    return (value) => value;
  }
  const regex = linearRegex(pattern, `${path}.pattern`, errors);
  if (regex === undefined) return (value) => value;
  const replacer = regex.replacer(substitution);
  if (!("error" in replacer)) return (value) => rooted(replacer(value));
  errors.push({ path: `${path}.substitution`, message: replacer.error });
  return (value) => value;
}

/** Without its first slash no request line can carry it, and in a Location it would become part of the host. */
function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

/** Anything else would break the request line or the Location that it becomes part of. */
export function checkPathText(text: string, path: string, errors: FieldError[]): void {
  if (/^[!"$-~]*$/.test(text)) return;
  errors.push({
    path,
    message: "has white space, #, a control or a non-ASCII character; write it percent-encoded",
  });
}
