/**
 * The conditions of a route in words, read from its message: what it wants, and what a request has instead. The
 * compiled conditions stay bare functions; only who explains pays for words.
 */
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RouteMatch,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { MetadataMatcher } from "../gen/envoy/type/matcher/v3/metadata_pb.js";
import { headerWanted, shown, stringWanted } from "./matcher-text.ts";
import { compileMetadataCondition } from "./rbac/metadata-condition.ts";
import { NO_CONNECTION } from "./rbac/rbac-connection.ts";
import type { RequestView } from "./request-view.ts";

export interface ConditionText {
  /** `header x-user`, `path`, `method`. */
  readonly subject: string;
  /** `exact 7`, `prefix /items`, `present`. */
  readonly wanted: string;
  /** What the request has, as it stands in the sentence: `5`, `missing`. */
  found(request: RequestView): string;
}

/** All that a match asks for: path first, then headers and query parameters in the order in which they are tried. */
export function conditionTexts(match: RouteMatch): readonly ConditionText[] {
  return [pathText(match), ...testTexts(match)];
}

/** One for each test of a compiled route, in the same order. */
export function testTexts(match: RouteMatch): readonly ConditionText[] {
  return [
    ...match.headers.map(headerText),
    ...match.queryParameters.map(queryText),
    ...match.dynamicMetadata.map(metadataText),
  ];
}

/** `path prefix /items, method GET, header x-user exact 7`. */
export function matchText(match: RouteMatch | undefined): string {
  if (match === undefined) return "nothing";
  return conditionTexts(match)
    .map(({ subject, wanted }) => `${subject} ${wanted}`)
    .join(", ");
}

/** `header x-user is 5, wanted exact 7`. */
export function failureText(condition: ConditionText, request: RequestView): string {
  return `${condition.subject} is ${condition.found(request)}, wanted ${condition.wanted}`;
}

export function pathText(match: RouteMatch): ConditionText {
  return {
    subject: match.pathSpecifier.case === "connectMatcher" ? "method" : "path",
    wanted: pathWanted(match),
    found: (request) =>
      match.pathSpecifier.case === "connectMatcher" ? request.method : shown(request.path),
  };
}

function pathWanted({ pathSpecifier, caseSensitive }: RouteMatch): string {
  const anyCase = caseSensitive === false ? " in any case" : "";
  switch (pathSpecifier.case) {
    case "path":
      return `exact ${pathSpecifier.value}${anyCase}`;
    case "prefix":
      return pathSpecifier.value === "/" || pathSpecifier.value === ""
        ? "any"
        : `prefix ${pathSpecifier.value}${anyCase}`;
    case "pathSeparatedPrefix":
      return `prefix ${pathSpecifier.value} (whole segments)${anyCase}`;
    case "safeRegex":
      return `regex ${pathSpecifier.value.regex}`;
    case "connectMatcher":
      return "CONNECT";
    default:
      return "of a kind that is not known here";
  }
}

const PSEUDO_SUBJECTS: Readonly<Record<string, string>> = {
  ":method": "method",
  ":authority": "host",
  ":path": "path with query",
  ":scheme": "scheme",
  host: "host",
};

function headerText(matcher: HeaderMatcher): ConditionText {
  const name = matcher.name.toLowerCase();
  const pseudo = PSEUDO_SUBJECTS[name];
  const wanted = headerWanted(matcher);
  return {
    subject: pseudo ?? `header ${name}`,
    // `method POST` says it all.
    wanted: name === ":method" ? wanted.replace(/^exact /, "") : wanted,
    found: (request) => shown(headerValue(request, name), matcher.treatMissingHeaderAsEmpty),
  };
}

function headerValue(request: RequestView, name: string): string | undefined {
  switch (name) {
    case ":method":
      return request.method;
    case ":authority":
    case "host":
      return request.authority;
    case ":scheme":
      return request.scheme;
    case ":path":
      return request.query === "" ? request.path : `${request.path}?${request.query}`;
    default:
      return request.header(name);
  }
}

function queryText(matcher: QueryParameterMatcher): ConditionText {
  const specifier = matcher.queryParameterMatchSpecifier;
  const isPresence = specifier.case !== "stringMatch";
  return {
    subject: `query parameter ${matcher.name}`,
    wanted: isPresence
      ? (specifier.value ?? true)
        ? "present"
        : "absent"
      : stringWanted(specifier.value),
    found: (request) => shown(queryValue(request.query, matcher.name)),
  };
}

/** In the words of authorization, which looks at the same. */
function metadataText(matcher: MetadataMatcher): ConditionText {
  const { subject, wanted, found } = compileMetadataCondition(matcher, "", []).text!;
  return { subject, wanted, found: (request) => found(request, NO_CONNECTION) };
}

/** The first counts, as it stands in the query: Envoy decodes nothing either. */
function queryValue(query: string, name: string): string | undefined {
  for (const pair of query === "" ? [] : query.split("&")) {
    const equals = pair.indexOf("=");
    if ((equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    return equals < 0 ? "" : pair.slice(equals + 1);
  }
  return undefined;
}
