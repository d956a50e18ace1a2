/**
 * Spellings of paths as attackers know them (lesson T21), a model of what each mode makes of them that shares no
 * code with the product, and the listeners that judge them: one for each mode, one that allows what it knows and
 * one that denies it.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { HTTP2_CLUSTER } from "./http2-options.ts";
import { bootstrapOf, type ListenerSpec, routeTo } from "./proxy-bootstrap.ts";

export interface PathMode {
  readonly name: string;
  /** Fields of the HttpConnectionManager. */
  readonly manager: JsonObject;
  readonly normalizes: boolean;
  readonly merges: boolean;
  readonly slashes: "keep" | "decode" | "reject";
}

const BASE = { normalize_path: true };
const MERGE = { ...BASE, merge_slashes: true };

/** Istio's four, and the one that refuses. */
export const PATH_MODES: readonly PathMode[] = [
  { name: "None", manager: {}, normalizes: false, merges: false, slashes: "keep" },
  { name: "Base", manager: BASE, normalizes: true, merges: false, slashes: "keep" },
  { name: "MergeSlashes", manager: MERGE, normalizes: true, merges: true, slashes: "keep" },
  {
    name: "DecodeAndMergeSlashes",
    manager: { ...MERGE, path_with_escaped_slashes_action: "UNESCAPE_AND_FORWARD" },
    normalizes: true,
    merges: true,
    slashes: "decode",
  },
  {
    name: "rejectEscapedSlashes",
    manager: { ...MERGE, path_with_escaped_slashes_action: "REJECT_REQUEST" },
    normalizes: true,
    merges: true,
    slashes: "reject",
  },
];

export const POLICIES = ["ALLOW", "DENY"] as const;
export type Policy = (typeof POLICIES)[number];

/** Who decides: the order of routes, or Envoy's RBAC filter, to which AuthorizationPolicies are translated. */
export const DECIDERS = ["routes", "rbac"] as const;
export type Decider = (typeof DECIDERS)[number];

/** Between segments. The first one of a path gets a slash before it where it has none. */
const SEPARATORS = [
  ...["/", "//", "///", "\\", "\\\\", "/\\", "%2f", "%2F", "%5c", "%5C", "/%2f", "%2f%2f", "%5c/"],
  ...["/./", "/.//", "/%2e/", "/%2E/", "/.\\", "%2f.%2f", "/.%2f", "/././", "/%2e%2f"],
  ...["/a/../", "/a/%2e%2e/", "/a/%2E%2e/", "/a/.%2e/", "/a/%2e./", "/a\\..\\", "/a%2f..%2f"],
  ...["/a/..%2f", "/a/..%5c", "/a//../", "/a/b/../../", "/a/./../", "/a/%2e%2e%2f", "/a\\%2e%2e/"],
  ...["/../", "/%2e%2e/", "/..%2f", "/../../", "/a/../../", "\\..\\", "%2f..%2f", "/.%2e%5c"],
  ...["/%252e%252e/", "%252f", "%255c", "/%25%32%65/", "%%32%66", "/%%32%65/", "/%2%65/"],
  ...[
    "/;/",
    "/;a=b/",
    "/..;/",
    "/.;/",
    "/a/..;x/",
    "/a/%2e%2e;/",
    "/.../",
    "/.a/",
    "/a./",
    "/%/",
    "/%2/",
    "/%zz/",
    "/%0a/",
  ],
  ...[
    "/%c0%af",
    "/%e0%80%af",
    "/%c0%ae%c0%ae/",
    "/%uff0f",
    "/%ef%bc%8f",
    "/%20/",
    "/%09/",
    "/%00/",
  ],
] as const;

const ENDS = [
  ...["", "/", "//", "/.", "/..", "/./", "/../", "%2f", "%5C", "\\", "/%2e", "/%2e%2e", "/%2E."],
  ...["%00", "/%00", ";", ";a", "%3f", "%23", "%3b", "%20", ".", "..", "...", "/...", "%", "%2"],
  ...[
    "?",
    "?x=/../secret",
    "?x=%2f%2e%2e%2f%00",
    "?x=//\\",
    "??",
    "/..?/secret",
    "//?%2e",
    "/%2f?a#",
  ],
] as const;

/** Ways to write a segment. */
const WORDS: readonly ((word: string) => string)[] = [
  (word) => word,
  (word) => escaped(word[0]!) + word.slice(1),
  (word) => word.slice(0, -1) + escaped(word.at(-1)!),
  (word) => [...word].map(escaped).join(""),
  (word) => [...word].map((char) => escaped(char).toUpperCase()).join(""),
  (word) => [...word].map((char) => `%25${escaped(char).slice(1)}`).join(""),
  (word) => `%${escaped(word[0]!)}${word.slice(1)}`,
  (word) => word.toUpperCase(),
  (word) => `.${word}`,
  (word) => `${word}~%7E%2D%5f`,
];

function escaped(char: string): string {
  return `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** Request targets in origin-form, each once. */
export function pathSpellings(): readonly string[] {
  const found = new Set<string>();
  for (const word of ["secret", "public"]) {
    for (const first of SEPARATORS) {
      found.add(lead(first) + word);
      found.add(`/${word}${first}x`);
      found.add(`/x${first}${word}`);
    }
    for (const end of ENDS) {
      found.add(`/${word}${end}`);
      found.add(`/${word}/x${end}`);
    }
    for (const spell of WORDS) {
      found.add(`/${spell(word)}`);
      found.add(`/a/..//${spell(word)}/x`);
      found.add(`/a%2f..%5c${spell(word)}`);
    }
  }
  for (const one of ["//", "%2f"]) {
    for (const other of SEPARATORS.slice(32)) found.add(`${lead(one)}a${other}secret`);
  }
  // RFC 9110 section 7.1 has no fragments in targets: they are refused before any of this.
  return [...found].filter((target) => !target.includes("#"));
}

function lead(separator: string): string {
  return separator.startsWith("/") ? separator : `/${separator}`;
}

/** What is judged and forwarded, or undefined for a path that is refused. */
export function canonicalTarget(target: string, mode: PathMode): string | undefined {
  const queryAt = target.indexOf("?");
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? "" : target.slice(queryAt);
  const canonical = canonicalPathOf(path, mode);
  return canonical === undefined ? undefined : canonical + query;
}

function canonicalPathOf(
  path: string,
  { normalizes, merges, slashes }: PathMode,
): string | undefined {
  if (path.includes("%00")) return undefined;
  let result = path;
  if (slashes !== "keep") {
    const decoded = withoutEscapedSlashes(path);
    if (slashes === "reject" && decoded !== path) return undefined;
    result = decoded;
  }
  if (normalizes) {
    const resolved = withoutDots(decodedOnce(result).split(/[/\\]/));
    if (resolved === undefined) return undefined;
    result = resolved.join("/");
  }
  if (merges) {
    while (result.includes("//")) result = result.replace("//", "/");
  }
  return result;
}

function withoutEscapedSlashes(path: string): string {
  let result = "";
  for (let at = 0; at < path.length; at++) {
    const sequence = path.slice(at, at + 3).toLowerCase();
    const slash = sequence === "%2f" ? "/" : sequence === "%5c" ? "\\" : undefined;
    result += slash ?? path[at];
    if (slash !== undefined) at += 2;
  }
  return result;
}

/** Unreserved characters of RFC 3986 section 2.3. What a stray `%` would begin an escape with by that is escaped. */
function decodedOnce(path: string): string {
  const units = path.match(/%[0-9a-fA-F]{2}|./gs) ?? [];
  const decoded = units.map((unit) => {
    const plain = unit.length === 3 ? String.fromCharCode(Number(`0x${unit.slice(1)}`)) : unit;
    return /^[\w.~-]$/.test(plain) ? plain : unit;
  });
  return decoded
    .map((unit, at) => {
      const begins = unit === "%" && /^[0-9a-f]{2}/i.test(decoded.slice(at + 1).join(""));
      return begins ? "%25" : unit;
    })
    .join("");
}

/** RFC 3986 section 5.2.4. Undefined for a path that climbs above the root. */
function withoutDots(segments: readonly string[]): readonly string[] | undefined {
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    // Of parameters a segment of dots has no use.
    const name = segment.split(";")[0];
    const isDot = name === "." || name === "..";
    if (name === ".." && kept.length <= 1) return undefined;
    if (name === "..") kept.pop();
    if (!isDot) kept.push(segment);
    else if (index === segments.length - 1) kept.push("");
  }
  return kept;
}

/** What a policy says of a canonical path. */
export function isPassed(target: string, policy: Policy): boolean {
  return policy === "ALLOW" ? target.startsWith("/public") : !target.startsWith("/secret");
}

export function pathListenerName(mode: PathMode, policy: Policy, decider: Decider): string {
  return `${mode.name} ${policy} ${decider}`;
}

/**
 * Listeners for every mode and policy by everyone who decides, in front of an app at `port` that speaks `upstream`. They
 * take HTTP/1.1 and HTTP/2.
 */
export function pathMatrixBootstrap(port: number, upstream: 1 | 2 = 1): JsonObject {
  const listeners = PATH_MODES.flatMap((mode) =>
    POLICIES.flatMap((policy) =>
      DECIDERS.map(
        (decider): ListenerSpec => ({
          name: pathListenerName(mode, policy, decider),
          routes: decider === "routes" ? routesOf(policy) : "app",
          manager: {
            codec_type: "AUTO",
            ...mode.manager,
            ...(decider === "routes" ? {} : { http_filters: [rbac(policy), ROUTER] }),
          },
        }),
      ),
    ),
  );
  const fields = upstream === 1 ? {} : HTTP2_CLUSTER;
  return bootstrapOf(listeners, [{ name: "app", endpoints: [port], fields }]);
}

const HTTP_FILTERS = "type.googleapis.com/envoy.extensions.filters.http";
const ROUTER: JsonObject = {
  name: "router",
  typed_config: { "@type": `${HTTP_FILTERS}.router.v3.Router` },
};

function rbac(action: Policy): JsonObject {
  const prefix = action === "ALLOW" ? "/public" : "/secret";
  const path = {
    permissions: [{ url_path: { path: { prefix } } }],
    principals: [{ any: true }],
  };
  return {
    name: "envoy.filters.http.rbac",
    typed_config: {
      "@type": `${HTTP_FILTERS}.rbac.v3.RBAC`,
      rules: { action, policies: { path } },
    },
  };
}

function routesOf(policy: Policy): readonly JsonObject[] {
  const denied = (prefix: string): JsonObject => ({
    match: { prefix },
    direct_response: { status: 403, body: { inline_string: "denied" } },
  });
  return policy === "ALLOW"
    ? [routeTo("app", {}, { prefix: "/public" }), denied("/")]
    : [denied("/secret"), routeTo("app")];
}
