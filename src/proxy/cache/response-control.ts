/**
 * What a response says about its caching: Cache-Control and Expires (RFC 9111), or in their place a field that is meant for
 * caches like this one (RFC 9213), CDN-Cache-Control above all.
 */
import { type CacheDirectives, parseCacheControl } from "./cache-control.ts";
import type { HeaderView } from "./header-view.ts";
import { type DictionaryValue, parseDictionary } from "./structured-dictionary.ts";

export interface ResponseControl {
  readonly directives: CacheDirectives;
  /** Undefined too where a targeted field holds, which Expires says nothing beside. */
  readonly expires: string | undefined;
}

/** Directives whose argument is a number of seconds. */
const SECONDS: ReadonlySet<string> = new Set([
  ...["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"],
]);

/** `targets`: lower-case names of the fields that go before Cache-Control, the first one first; none for none. */
export function responseControl(header: HeaderView, targets: readonly string[]): ResponseControl {
  // RFC 9213 section 2.2: the first that is valid and not empty holds, and nothing else does.
  for (const name of targets) {
    const value = header(name);
    const directives = value === undefined ? undefined : targetedDirectives(value);
    if (directives !== undefined) return { directives, expires: undefined };
  }
  return {
    directives: parseCacheControl(header("cache-control")),
    expires: header("expires"),
  };
}

/** Undefined where the field counts for nothing: no dictionary, empty, or seconds that are no whole number. */
function targetedDirectives(value: string): CacheDirectives | undefined {
  const members = parseDictionary(value);
  if (members === undefined || members.size === 0) return undefined;
  const directives = new Map<string, string>();
  for (const [name, member] of members) {
    const isWhole = member.kind === "integer" && member.value >= 0;
    if (SECONDS.has(name) && !isWhole) return undefined;
    const argument = argumentOf(member);
    if (argument !== undefined) directives.set(name, argument);
  }
  return directives;
}

/** As Cache-Control would have it. Undefined: the directive is not there. */
function argumentOf(member: DictionaryValue): string | undefined {
  if (member.kind === "inner-list") return "";
  if (member.kind !== "boolean") return String(member.value);
  return member.value ? "" : undefined;
}
