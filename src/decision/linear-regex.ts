/**
 * Regular expressions from configuration, matched in linear time (RE2): a pattern that a user wrote
 * must not be able to stall a proxy (T29). Compiled once, when configuration changes.
 */
import { RE2JS } from "re2js";

/** Longer patterns are refused: their automata cost memory in every proxy. */
export const REGEX_LENGTH_MAX = 1024;

export interface LinearRegex {
  /** Whether the whole text matches, as Envoy's `safe_regex` means it. */
  matchesAll(text: string): boolean;
  /** Replaces every match; `\1` in `substitution` names a group, as RE2 writes it. */
  replaceAll(text: string, substitution: string): string;
}

/** Compiles a pattern, or says why it cannot be. */
export function compileRegex(pattern: string): LinearRegex | { readonly error: string } {
  if (pattern.length > REGEX_LENGTH_MAX) {
    return {
      error: `the pattern has ${pattern.length} characters, ${REGEX_LENGTH_MAX} are allowed`,
    };
  }
  try {
    const regex = RE2JS.compile(pattern);
    return {
      matchesAll: (text) => regex.matches(text),
      replaceAll: (text, substitution) =>
        regex
          .matcher(text)
          .replaceAll(substitution.replaceAll("$", "$$$$").replace(/\\(\d)/g, "$$$1")),
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
