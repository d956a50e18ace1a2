/**
 * Regular expressions from configuration, matched in linear time (RE2): a pattern that a user wrote
 * must not be able to stall a proxy (T29). Compiled once, when configuration changes.
 */
import { RE2JS } from "re2js";
import { wireText } from "../core/wire-text.ts";

/** Longer patterns are refused: their automata cost memory in every proxy. */
export const REGEX_LENGTH_MAX = 1024;

export type Replacer = (text: string) => string;

/** Texts are in wire form, one character a byte, and `.` matches one byte, as in Envoy. */
export interface LinearRegex {
  /** Whether the whole text matches, as Envoy's `safe_regex` means it. */
  matchesAll(text: string): boolean;
  /** Replaces every match. `\1` names a group, `\0` the match, `\\` is a backslash, as RE2 writes them. */
  replacer(substitution: string): Replacer | { readonly error: string };
}

/** Compiles a pattern, or says why it cannot be. */
export function compileRegex(pattern: string): LinearRegex | { readonly error: string } {
  if (pattern === "") return { error: "a pattern is required" };
  if (pattern.length > REGEX_LENGTH_MAX) {
    return {
      error: `the pattern has ${pattern.length} characters, ${REGEX_LENGTH_MAX} are allowed`,
    };
  }
  try {
    const regex = RE2JS.compile(wireText(pattern));
    return {
      matchesAll: (text) => regex.matches(text),
      replacer: (substitution) => {
        const parts = parseSubstitution(substitution, regex.groupCount());
        if ("error" in parts) return parts;
        return (text) => replaceAll(regex, text, parts);
      },
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Literal text, or the number of a group. */
type Part = string | number;

function parseSubstitution(
  substitution: string,
  groupCount: number,
): readonly Part[] | { readonly error: string } {
  const parts: Part[] = [];
  for (const [found] of substitution.matchAll(/\\(?:.|$)|[^\\]+/gs)) {
    const escaped = found[1] ?? "";
    if (found[0] !== "\\") parts.push(found);
    else if (escaped === "\\") parts.push("\\");
    else if (!/^\d$/.test(escaped)) {
      return {
        error: `"${found}" means nothing: use \\0 to \\9 for groups and \\\\ for a backslash`,
      };
    } else if (Number(escaped) > groupCount) {
      return {
        error: `${found} names a group that the pattern does not have: it has ${groupCount}`,
      };
    } else {
      parts.push(Number(escaped));
    }
  }
  return parts;
}

/** RE2's GlobalReplace: an empty match right behind the match before it does not count. */
function replaceAll(regex: RE2JS, text: string, parts: readonly Part[]): string {
  const matcher = regex.matcher(text);
  let result = "";
  let end = 0;
  let hasMatched = false;
  while (matcher.find()) {
    const start = matcher.start();
    if (hasMatched && start === end && matcher.end() === end) continue;
    result += text.slice(end, start);
    for (const part of parts) {
      result += typeof part === "string" ? part : (matcher.group(part) ?? "");
    }
    end = matcher.end();
    hasMatched = true;
  }
  return result + text.slice(end);
}
