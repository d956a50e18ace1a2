/**
 * Routes that no request can ever take, because one before them takes all of theirs. Pure, and careful: what is
 * reported is certain, but several routes that only together take all of a later one's requests are not seen.
 */
import { equals, isFieldSet } from "@bufbuild/protobuf";
import { SHADOW_COMPARISONS_MAX } from "../core/limits.ts";
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
  type Route as RouteMessage,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import { literalPrefix } from "./path-key.ts";

export interface ShadowedRoute {
  /** Places among the routes that were given. */
  readonly place: number;
  readonly by: number;
}

/**
 * `routes` are those of one virtual host. The first route that shadows another is named. Ends early, with what was
 * found by then, when thousands of routes differ by nothing but their headers.
 */
export function shadowedRoutes(
  routes: readonly Pick<RouteMessage, "match">[],
): readonly ShadowedRoute[] {
  const shadowed: ShadowedRoute[] = [];
  const before = new EarlierRoutes();
  let comparisons = 0;
  for (const [place, { match }] of routes.entries()) {
    if (match === undefined) continue;
    const candidates = before.candidatesFor(match);
    comparisons += candidates.length;
    if (comparisons > SHADOW_COMPARISONS_MAX) break;
    const by = candidates.find((earlier) => takesAllOf(routes[earlier]!.match!, match));
    if (by !== undefined) shadowed.push({ place, by });
    // What is shadowed itself shadows nothing that its own shadow does not.
    else before.add(match, place);
  }
  return shadowed;
}

/** Earlier routes by the text that paths begin with, so that thousands of routes are not compared each with each. */
class EarlierRoutes {
  readonly #byText = new Map<string, number[]>();
  readonly #lengths = new Set<number>();

  add(match: RouteMatch, place: number): void {
    const text = firstText(match);
    this.#lengths.add(text.length);
    const places = this.#byText.get(text);
    if (places === undefined) this.#byText.set(text, [place]);
    else places.push(place);
  }

  /** In order. */
  candidatesFor(match: RouteMatch): readonly number[] {
    const text = firstText(match);
    const found: number[] = [];
    for (const length of this.#lengths) {
      if (length <= text.length) found.push(...(this.#byText.get(text.slice(0, length)) ?? []));
    }
    return found.sort((a, b) => a - b);
  }
}

/** What every path begins with that the match takes, in lower case; empty where nothing is certain. */
function firstText({ pathSpecifier: specifier }: RouteMatch): string {
  if (isEverything(specifier)) return "";
  switch (specifier.case) {
    case "path":
    case "prefix":
    case "pathSeparatedPrefix":
      return specifier.value.toLowerCase();
    case "safeRegex":
      return literalPrefix(specifier.value.regex).toLowerCase();
    default:
      return "";
  }
}

function takesAllOf(earlier: RouteMatch, later: RouteMatch): boolean {
  return (
    coversPaths(earlier, later) &&
    hasNothingElse(earlier) &&
    earlier.headers.every((wanted) =>
      later.headers.some((given) => impliesHeader(given, wanted)),
    ) &&
    earlier.queryParameters.every((wanted) =>
      later.queryParameters.some((given) => impliesQuery(given, wanted)),
    )
  );
}

const COMPARED = ["caseSensitive", "headers", "queryParameters"];

/** Conditions of other kinds are not compared. */
function hasNothingElse(match: RouteMatch): boolean {
  return RouteMatchSchema.fields.every(
    (field) =>
      field.oneof !== undefined || COMPARED.includes(field.localName) || !isFieldSet(match, field),
  );
}

function coversPaths(earlier: RouteMatch, later: RouteMatch): boolean {
  const outer = earlier.pathSpecifier;
  const inner = later.pathSpecifier;
  // CONNECT has no path, and only routes for CONNECT take it.
  if (outer.case === "connectMatcher" || inner.case === "connectMatcher") {
    return outer.case === inner.case;
  }
  if (outer.case === "safeRegex") {
    return inner.case === "safeRegex" && inner.value.regex === outer.value.regex;
  }
  const ignoresCase = earlier.caseSensitive === false;
  if (!ignoresCase && later.caseSensitive === false) return isEverything(outer);
  const fold = (text: string): string => (ignoresCase ? text.toLowerCase() : text);
  switch (outer.case) {
    case "path":
      return inner.case === "path" && fold(inner.value) === fold(outer.value);
    case "prefix":
      return isEverything(outer) || beginning(inner, fold).startsWith(fold(outer.value));
    case "pathSeparatedPrefix": {
      const wanted = fold(outer.value);
      const begins = beginning(inner, fold);
      const isWhole =
        begins === wanted && (inner.case === "path" || inner.case === "pathSeparatedPrefix");
      return isWhole || begins.startsWith(`${wanted}/`);
    }
    default:
      return false;
  }
}

function isEverything(specifier: RouteMatch["pathSpecifier"]): boolean {
  return specifier.case === "prefix" && (specifier.value === "" || specifier.value === "/");
}

function beginning(specifier: RouteMatch["pathSpecifier"], fold: (text: string) => string): string {
  switch (specifier.case) {
    case "path":
    case "prefix":
    case "pathSeparatedPrefix":
      return fold(specifier.value);
    case "safeRegex":
      return fold(literalPrefix(specifier.value.regex));
    default:
      return "";
  }
}

/** Whether a request for which `given` holds is one for which `wanted` holds. */
function impliesHeader(given: HeaderMatcher, wanted: HeaderMatcher): boolean {
  if (equals(HeaderMatcherSchema, given, wanted)) return true;
  if (given.name.toLowerCase() !== wanted.name.toLowerCase()) return false;
  const isPresence =
    wanted.headerMatchSpecifier.case === undefined ||
    (wanted.headerMatchSpecifier.case === "presentMatch" && wanted.headerMatchSpecifier.value);
  const needsValue =
    given.headerMatchSpecifier.case !== undefined &&
    given.headerMatchSpecifier.case !== "presentMatch";
  // Even an inverted condition does not hold without a value.
  return isPresence && !wanted.invertMatch && needsValue && !given.treatMissingHeaderAsEmpty;
}

function impliesQuery(given: QueryParameterMatcher, wanted: QueryParameterMatcher): boolean {
  if (equals(QueryParameterMatcherSchema, given, wanted)) return true;
  if (given.name !== wanted.name) return false;
  const specifier = wanted.queryParameterMatchSpecifier;
  const isPresence =
    specifier.case === undefined || (specifier.case === "presentMatch" && specifier.value);
  return isPresence && given.queryParameterMatchSpecifier.case === "stringMatch";
}
