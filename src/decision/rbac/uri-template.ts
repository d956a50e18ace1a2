/**
 * Envoy's path templates (`/users/*` with a star for one segment, two for the rest, `{name=pattern}` for a variable),
 * compiled to a test of a path without query. Every other character stands for itself: no dot is a wildcard (T29).
 */
import { wireText } from "../../core/wire-text.ts";
import type { FieldError } from "../field-error.ts";
import { compileRegex } from "../linear-regex.ts";
import type { StringTest } from "../string-matcher.ts";

export interface UriTemplate {
  readonly matches: StringTest;
  /** What every path that matches begins with. */
  readonly literalPrefix: string;
}

/** What a star stands for: RFC 3986 section 3.3, pchar without the star itself, as Envoy has it. */
const SEGMENT_CHARS = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=]";
const TAIL_CHARS = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=/]";
const SEGMENT_CHAR = charTable(/[a-zA-Z0-9\-._~%!$&'()+,;:@=]/);
const TAIL_CHAR = charTable(/[a-zA-Z0-9\-._~%!$&'()+,;:@=/]/);

type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "segment" }
  | { readonly kind: "tail" };

/** Reports what Envoy would refuse, too. */
export function compileUriTemplate(
  template: string,
  path: string,
  errors: FieldError[],
): UriTemplate {
  const tokens = parseTemplate(template);
  if (typeof tokens === "string") {
    errors.push({ path, message: tokens });
    return { matches: () => false, literalPrefix: "" };
  }
  const [first] = tokens;
  const literalPrefix = first?.kind === "text" ? wireText(first.text) : "";
  return { matches: matcherOf(tokens, path, errors), literalPrefix };
}

/** The tokens of a template, or what is wrong with it. */
function parseTemplate(template: string): readonly Token[] | string {
  if (!template.startsWith("/")) return "must start with /";
  const plain = withoutVariables(template);
  if (plain === undefined) return "a variable is {name} or {name=pattern}, without another inside";
  const tokens: Token[] = [];
  for (const [found] of plain.matchAll(/\*+|[^*]+/g)) {
    if (tokens.at(-1)?.kind === "tail" && found.startsWith("*")) return "** must be the last star";
    if (found === "*") tokens.push({ kind: "segment" });
    else if (found === "**") tokens.push({ kind: "tail" });
    else if (found.startsWith("*")) return "more than two stars in a row";
    else if (!consistsOf(TAIL_CHAR, found, 0, found.length))
      return "has a character that no path has";
    else tokens.push({ kind: "text", text: found });
  }
  return tokens;
}

/** The pattern of each variable instead of it. */
function withoutVariables(template: string): string | undefined {
  const plain = template.replace(/\{[^{}=*/]+(?:=([^{}]+))?\}/g, (_, pattern?: string) =>
    pattern === undefined ? "*" : pattern,
  );
  return /[{}]/.test(plain) ? undefined : plain;
}

function matcherOf(tokens: readonly Token[], path: string, errors: FieldError[]): StringTest {
  return wholeSegments(tokens) ?? regexOf(tokens, path, errors);
}

/** Stars that are segments of their own are compared without an automaton; undefined where one is not. */
function wholeSegments(tokens: readonly Token[]): StringTest | undefined {
  const isWhole = tokens.every((token, index) => {
    if (token.kind === "text") return true;
    const before = tokens[index - 1];
    const after = tokens[index + 1];
    const hasSlash = before?.kind === "text" && before.text.endsWith("/");
    if (token.kind === "tail") return hasSlash && after === undefined;
    return hasSlash && (after === undefined || (after.kind === "text" && after.text[0] === "/"));
  });
  if (!isWhole) return undefined;
  const parts = tokens.map((token) =>
    token.kind === "text" ? { ...token, text: wireText(token.text) } : token,
  );
  return (path) => {
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (part.kind === "tail") return consistsOf(TAIL_CHAR, path, at, path.length);
      if (part.kind === "text") {
        if (!path.startsWith(part.text, at)) return false;
        at += part.text.length;
        continue;
      }
      const slash = path.indexOf("/", at);
      const end = slash < 0 ? path.length : slash;
      if (end === at || !consistsOf(SEGMENT_CHAR, path, at, end)) return false;
      at = end;
    }
    return at === path.length;
  };
}

function regexOf(tokens: readonly Token[], path: string, errors: FieldError[]): StringTest {
  const pattern = tokens
    .map((token) => {
      if (token.kind === "segment") return `${SEGMENT_CHARS}+`;
      if (token.kind === "tail") return `${TAIL_CHARS}*`;
      return token.text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    })
    .join("");
  const regex = compileRegex(pattern);
  if ("error" in regex) {
    errors.push({ path, message: regex.error });
    return () => false;
  }
  return (text) => regex.matchesAll(text);
}

/** By character code, for those of ASCII. */
function charTable(allowed: RegExp): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) =>
    allowed.test(String.fromCharCode(code)) ? 1 : 0,
  );
}

function consistsOf(table: Uint8Array, text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (table[text.charCodeAt(i)] !== 1) return false;
  return true;
}
