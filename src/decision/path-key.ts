/** What a route's path match can be looked up by, so that a table with many routes need not try each of them. */
import { wireText } from "../core/wire-text.ts";
import type { RouteMatch } from "../gen/envoy/config/route/v3/route_components_pb.js";

/**
 * `exact`: only this path can match. `prefix`: only paths that begin with the text can. `none`: any may. A key says
 * what cannot match; what does is for the route's own test.
 */
export interface PathKey {
  readonly kind: "exact" | "prefix" | "none";
  readonly text: string;
}

const NONE: PathKey = { kind: "none", text: "" };

export function pathKeyOf(match: RouteMatch | undefined): PathKey {
  const specifier = match?.pathSpecifier;
  if (specifier?.case === "safeRegex") {
    return prefixKey(literalPrefix(wireText(specifier.value.regex)));
  }
  // Folding the case of each request's path costs more than such routes are worth, of which there are few.
  if (match?.caseSensitive === false) return NONE;
  switch (specifier?.case) {
    case "path":
      return { kind: "exact", text: wireText(specifier.value) };
    case "prefix":
    case "pathSeparatedPrefix":
      return prefixKey(wireText(specifier.value));
    default:
      return NONE;
  }
}

/** Every path begins with a slash: as a prefix it tells nothing apart. */
function prefixKey(text: string): PathKey {
  return text === "" || text === "/" ? NONE : { kind: "prefix", text };
}

/** Characters that stand for themselves in RE2, of those that paths are made of. */
const LITERAL = /^[A-Za-z0-9/_~%=,;:@!&'<>"#` -]$/;
const ESCAPED_LITERAL = /^[^A-Za-z0-9]$/;

/** What every text begins with that matches the whole of the pattern; empty when that is not plain to see. */
export function literalPrefix(pattern: string): string {
  // Flags make what stands before them optional when a quantifier follows: `/a(?i)?` matches `/`.
  const isPlain = !pattern.includes("\\Q") && !/\(\?[A-Za-z-]+\)/.test(pattern);
  if (!isPlain || hasOuterAlternative(pattern)) return "";
  let text = "";
  let at = pattern.startsWith("^") ? 1 : 0;
  while (at < pattern.length) {
    const isEscaped = pattern[at] === "\\";
    const char = pattern[at + (isEscaped ? 1 : 0)] ?? "";
    if (!(isEscaped ? ESCAPED_LITERAL : LITERAL).test(char)) break;
    at += isEscaped ? 2 : 1;
    const next = pattern[at];
    // What may be missing is no part of the prefix.
    if (next === "?" || next === "*" || next === "{") break;
    text += char;
    if (next === "+") break;
  }
  return text;
}

/** A `|` outside of all groups: each side has a beginning of its own. */
function hasOuterAlternative(pattern: string): boolean {
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    switch (pattern[at]) {
      case "\\":
        at++;
        break;
      case "[":
        at = classEnd(pattern, at);
        break;
      case "(":
        depth++;
        break;
      case ")":
        depth--;
        break;
      case "|":
        if (depth <= 0) return true;
        break;
    }
  }
  return false;
}

/** Offset of the bracket that ends the class which begins at `start`. A bracket right behind the first is one of its characters. */
function classEnd(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === "^") at++;
  if (pattern[at] === "]") at++;
  for (; at < pattern.length && pattern[at] !== "]"; at++) {
    if (pattern[at] === "\\") at++;
    // `[:alpha:]` has brackets of its own.
    else if (pattern.startsWith("[:", at)) at = Math.max(at, pattern.indexOf(":]", at) + 1);
  }
  return at;
}
