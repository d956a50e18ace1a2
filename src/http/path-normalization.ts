/**
 * Brings a path into the one canonical form that is judged and forwarded (T21): percent-encoded
 * unreserved characters decoded once, `\` read as `/`, dot segments removed (RFC 3986 section 5.2.4),
 * slashes merged, escaped slashes handled as the listener says. `%00` is always refused.
 */

export type EscapedSlashes = "keep" | "reject" | "unescape" | "redirect";

export interface PathNormalization {
  readonly normalizes: boolean;
  readonly mergesSlashes: boolean;
  readonly escapedSlashes: EscapedSlashes;
}

export type NormalizedPath =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "refused" }
  /** The escaped slashes were decoded: tell the client to come again with this path. */
  | { readonly kind: "redirect"; readonly path: string };

const HEX_PAIR = /^[0-9a-fA-F]{2}$/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
const DOT_SEGMENT = /^(\.\.?)(?:;.*)?$/;

const REFUSED: NormalizedPath = { kind: "refused" };

/** `path` has no query. Called only for paths that have a byte which could change them. */
export function normalizePath(path: string, rules: PathNormalization): NormalizedPath {
  let result = path;
  if (/%00/.test(result)) return REFUSED;
  const hasEscapedSlash = rules.escapedSlashes !== "keep" && /%(2f|5c)/i.test(result);
  if (hasEscapedSlash) {
    if (rules.escapedSlashes === "reject") return REFUSED;
    result = result.replace(/%2f/gi, "/").replace(/%5c/gi, "\\");
  }
  if (rules.normalizes) {
    result = decodeUnreserved(result).replaceAll("\\", "/");
    const withoutDots = removeDotSegments(result);
    if (withoutDots === undefined) return REFUSED;
    result = withoutDots;
  }
  if (rules.mergesSlashes) result = result.replace(/\/{2,}/g, "/");
  if (hasEscapedSlash && rules.escapedSlashes === "redirect")
    return { kind: "redirect", path: result };
  return { kind: "path", path: result };
}

/**
 * RFC 3986 section 6.2.2.2: encoded unreserved characters mean the same as the plain ones. A `%` that begins
 * no escape is written as `%25` where decoding would make it begin one: `%%32%65` would become `%2e`, which
 * the next hop decodes again to a dot that nobody judged.
 */
function decodeUnreserved(path: string): string {
  let result = "";
  const strays: number[] = [];
  for (let at = 0; at < path.length; at++) {
    const char = path[at]!;
    const digits = char === "%" ? path.slice(at + 1, at + 3) : "";
    if (HEX_PAIR.test(digits)) {
      const plain = String.fromCharCode(Number.parseInt(digits, 16));
      result += UNRESERVED.test(plain) ? plain : char + digits;
      at += 2;
    } else {
      if (char === "%") strays.push(result.length);
      result += char;
    }
  }
  for (const at of strays.reverse()) {
    if (!HEX_PAIR.test(result.slice(at + 1, at + 3))) continue;
    result = `${result.slice(0, at)}%25${result.slice(at + 1)}`;
  }
  return result;
}

/**
 * RFC 3986 section 5.2.4, except that climbing above the root is refused. Behind a `;` stand parameters of a segment
 * (section 3.3), which servers of servlets take off before they look for dots: `..;x` is one, too.
 */
function removeDotSegments(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.split("/");
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    const dots = DOT_SEGMENT.exec(segment)?.[1];
    if (dots === ".") {
      if (isLast) kept.push("");
    } else if (dots === "..") {
      if (kept.length <= 1) return undefined;
      kept.pop();
      if (isLast) kept.push("");
    } else {
      kept.push(segment);
    }
  }
  return kept.join("/");
}
