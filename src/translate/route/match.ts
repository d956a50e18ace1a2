/** HTTPRoute matches as xDS route matches. */
import { create } from "@bufbuild/protobuf";
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { RegexMatcherSchema } from "../../gen/envoy/type/matcher/v3/regex_pb.js";
import {
  type StringMatcher,
  StringMatcherSchema,
} from "../../gen/envoy/type/matcher/v3/string_pb.js";
import { isClaimName } from "../../resource/kinds/claim-name.ts";
import { claimMatcher } from "./claim-match.ts";
import { type RuleMatch, withoutTrailingSlash } from "./precedence.ts";

/** `methods`: those of the match, if the route is for some methods only. */
export function translateMatch(match: RuleMatch, methods?: readonly string[]): RouteMatch {
  const method = match.method === undefined ? [] : [methodMatcher(match.method)];
  if (method.length === 0 && methods !== undefined) method.push(anyMethod(methods));
  const { headers = [] } = match;
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.path),
    headers: [...method, ...headers.filter(({ name }) => !isClaimName(name)).map(headerMatcher)],
    dynamicMetadata: headers
      .filter(({ name }) => isClaimName(name))
      .map((claim) => claimMatcher(claim.name, valueMatcher(claim))),
    queryParameters: (match.queryParams ?? []).map(queryParameterMatcher),
  });
}

/** Matches every request, or those of some methods. */
export function matchAll(methods?: readonly string[]): RouteMatch {
  return create(RouteMatchSchema, {
    pathSpecifier: { case: "prefix", value: "/" },
    headers: methods === undefined ? [] : [anyMethod(methods)],
  });
}

/** Envoy's separated prefix compares whole path elements, as the Gateway API means a PathPrefix. */
function pathSpecifier(path: RuleMatch["path"]): RouteMatch["pathSpecifier"] {
  switch (path.type) {
    case "Exact":
      return { case: "path", value: path.value };
    case "PathPrefix": {
      const prefix = withoutTrailingSlash(path.value);
      return prefix === ""
        ? { case: "prefix", value: "/" }
        : { case: "pathSeparatedPrefix", value: prefix };
    }
    case "RegularExpression":
      return { case: "safeRegex", value: create(RegexMatcherSchema, { regex: path.value }) };
  }
}

function anyMethod(methods: readonly string[]): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name: ":method",
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "safeRegex", value: { regex: methods.join("|") } } },
    },
  });
}

function methodMatcher(method: string): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name: ":method",
    headerMatchSpecifier: { case: "stringMatch", value: exact(method) },
  });
}

/** Names in lower case: field names are case-insensitive (RFC 9110 section 5.1). */
function headerMatcher(header: NonNullable<RuleMatch["headers"]>[number]): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name: header.name.toLowerCase(),
    headerMatchSpecifier: { case: "stringMatch", value: valueMatcher(header) },
  });
}

function queryParameterMatcher(
  parameter: NonNullable<RuleMatch["queryParams"]>[number],
): QueryParameterMatcher {
  return create(QueryParameterMatcherSchema, {
    name: parameter.name,
    queryParameterMatchSpecifier: { case: "stringMatch", value: valueMatcher(parameter) },
  });
}

function valueMatcher(match: {
  readonly type: "Exact" | "RegularExpression";
  readonly value: string;
}): StringMatcher {
  if (match.type === "Exact") return exact(match.value);
  return create(StringMatcherSchema, {
    matchPattern: { case: "safeRegex", value: { regex: match.value } },
  });
}

function exact(value: string): StringMatcher {
  return create(StringMatcherSchema, { matchPattern: { case: "exact", value } });
}
