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
 * RFC 3986 section 6.2.2.2: encoded unreserved characters mean the same as the plain ones. Behind a
 * `%` that begins no escape nothing is decoded: `%%32%65` would become `%2e`, which the next hop
 * decodes again to a dot that nobody judged.
 */
function decodeUnreserved(path: string): string {
  return path.replace(
    /(%[0-9a-fA-F]?)?%([0-9a-fA-F]{2})/g,
    (all, stray: string | undefined, digits: string) => {
      if (stray !== undefined) return all;
      const char = String.fromCharCode(Number.parseInt(digits, 16));
      return /[A-Za-z0-9\-._~]/.test(char) ? char : all;
    },
  );
}

/** RFC 3986 section 5.2.4, except that climbing above the root is refused. */
function removeDotSegments(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.split("/");
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === ".") {
      if (isLast) kept.push("");
    } else if (segment === "..") {
      if (kept.length <= 1) return undefined;
      kept.pop();
      if (isLast) kept.push("");
    } else {
      kept.push(segment);
    }
  }
  return kept.join("/");
}
