/** Path replacements of redirects and rewrites, in the three forms that xDS has for them. */
import { create } from "@bufbuild/protobuf";
import { compileRegex } from "../../decision/linear-regex.ts";
import {
  type RegexMatchAndSubstitute,
  RegexMatchAndSubstituteSchema,
} from "../../gen/envoy/type/matcher/v3/regex_pb.js";
import type { HttpPathModifier } from "../../resource/kinds/http-route-filter.ts";
import { PATH_PATTERN } from "../../resource/kinds/http-route-match.ts";
import { type RuleMatch, withoutTrailingSlash } from "./precedence.ts";

export type PathReplacement =
  /** The whole path. The query stays. */
  | { readonly kind: "full"; readonly path: string }
  /** The part that the route matched. */
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "regex"; readonly regex: RegexMatchAndSubstitute };

/**
 * The replacement, or why it cannot be made. Follows the table of HTTPPathModifier.replacePrefixMatch, where
 * neither the match's nor the replacement's trailing slash counts:
 *
 * ```
 * match   replacement   form
 * /foo    /xyz          prefix /xyz       /foo/a → /xyz/a    /foo → /xyz
 * /foo    "" or /       regex ^/foo/*     /foo/a → /a        /foo → /     a prefix "/" would give //a
 * /       /xyz          prefix /xyz/      /a → /xyz/a        /    → /xyz/
 * ```
 */
export function replacePath(
  modifier: HttpPathModifier,
  match: RuleMatch,
): PathReplacement | { readonly error: string } {
  if (modifier.type === "ReplaceFullPath") {
    const path = modifier.replaceFullPath;
    return isPath(path) ? { kind: "full", path } : { error: notAPath(path) };
  }
  const replacement = modifier.replacePrefixMatch;
  if (replacement !== "" && !isPath(replacement)) return { error: notAPath(replacement) };
  if (match.path.type !== "PathPrefix") {
    return { error: "ReplacePrefixMatch needs a match whose path type is PathPrefix" };
  }
  const matched = withoutTrailingSlash(match.path.value);
  const prefix = withoutTrailingSlash(replacement);
  if (matched === "") return { kind: "prefix", prefix: `${prefix}/` };
  if (prefix !== "") return { kind: "prefix", prefix };
  return { kind: "regex", regex: substitute(`^${escapeRegex(matched)}/*`, "/") };
}

/** A rewrite that its author wrote as an expression, or why it is none. */
export function replaceByRegex(rewrite: {
  readonly pattern: string;
  readonly substitution: string;
}): PathReplacement | { readonly error: string } {
  const compiled = compileRegex(rewrite.pattern);
  if ("error" in compiled) {
    return {
      error: `${JSON.stringify(rewrite.pattern)} is not an RE2 expression: ${compiled.error}`,
    };
  }
  return { kind: "regex", regex: substitute(rewrite.pattern, rewrite.substitution) };
}

/** A rewrite of the whole path, for where xDS has only expressions. */
export function fullPathRegex(path: string): RegexMatchAndSubstitute {
  return substitute("^/.*$", path);
}

function substitute(regex: string, substitution: string): RegexMatchAndSubstitute {
  return create(RegexMatchAndSubstituteSchema, { pattern: { regex }, substitution });
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Anything else could end the request line or begin a query. */
function isPath(path: string): boolean {
  return path.startsWith("/") && PATH_PATTERN.test(path);
}

function notAPath(path: string): string {
  return `${JSON.stringify(path)} is not an absolute path`;
}
