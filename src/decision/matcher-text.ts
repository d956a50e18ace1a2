/** Envoy's matchers in words, for those who ask why a route or a policy did not match. */
import type { HeaderMatcher } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { StringMatcher } from "../gen/envoy/type/matcher/v3/string_pb.js";

/** A value that is longer is cut. */
const SHOWN_LENGTH_MAX = 100;

/** `exact 7`, `prefix /items in any case`. */
export function stringWanted({ matchPattern: pattern, ignoreCase }: StringMatcher): string {
  const anyCase = ignoreCase ? " in any case" : "";
  switch (pattern.case) {
    case "exact":
      return `exact ${pattern.value === "" ? '""' : pattern.value}${anyCase}`;
    case "prefix":
    case "suffix":
      return `${pattern.case} ${pattern.value}${anyCase}`;
    case "contains":
      return `containing ${pattern.value}${anyCase}`;
    case "safeRegex":
      return regexWanted(pattern.value.regex);
    default:
      return "of a kind that is not known here";
  }
}

function regexWanted(regex: string): string {
  if (regex === ".+") return "present";
  const end = /^spiffe:\/\/\.\*([^.*+?()[\]{}|^$]+)$/.exec(regex)?.[1];
  return end === undefined ? `regex ${regex}` : `suffix ${end}`;
}

/** The same for a header, inversion included. */
export function headerWanted({ headerMatchSpecifier, invertMatch }: HeaderMatcher): string {
  const not = invertMatch ? "not " : "";
  switch (headerMatchSpecifier.case) {
    case undefined:
    case "presentMatch":
      return (headerMatchSpecifier.value ?? true) !== invertMatch ? "present" : "absent";
    case "stringMatch":
      return not + stringWanted(headerMatchSpecifier.value);
    case "safeRegexMatch":
      return `${not}regex ${headerMatchSpecifier.value.regex}`;
    case "exactMatch":
      return `${not}exact ${headerMatchSpecifier.value}`;
    case "prefixMatch":
      return `${not}prefix ${headerMatchSpecifier.value}`;
    case "suffixMatch":
      return `${not}suffix ${headerMatchSpecifier.value}`;
    case "containsMatch":
      return `${not}containing ${headerMatchSpecifier.value}`;
    case "rangeMatch": {
      const { start, end } = headerMatchSpecifier.value;
      return `${not}a number from ${start} to below ${end}`;
    }
  }
}

/** A value of a request or connection, as it stands in a sentence. `isReadAsEmpty`: when it is missing. */
export function shown(value: string | undefined, isReadAsEmpty = false): string {
  if (value === undefined) return isReadAsEmpty ? "missing, which counts as empty" : "missing";
  if (value === "") return "empty";
  const cut = value.length > SHOWN_LENGTH_MAX ? `${value.slice(0, SHOWN_LENGTH_MAX)}…` : value;
  return /^[!-~…]+$/.test(cut) ? cut : JSON.stringify(cut);
}
