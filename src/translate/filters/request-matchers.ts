/**
 * Conditions on requests, as the Gateway API writes them, for filters, which know header matchers only. `:path` is
 * the path with its query, so that a condition on the path becomes an expression.
 */
import { create } from "@bufbuild/protobuf";
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";

export interface RequestCondition {
  readonly path?:
    | { readonly type: "Exact" | "PathPrefix" | "RegularExpression"; readonly value: string }
    | undefined;
  readonly method?: string | undefined;
  readonly headers?:
    | readonly {
        readonly type: "Exact" | "RegularExpression";
        readonly name: string;
        readonly value: string;
      }[]
    | undefined;
}

/** All of them must hold. */
export function requestMatchers(condition: RequestCondition | undefined): HeaderMatcher[] {
  const { path, method, headers = [] } = condition ?? {};
  const expression = path === undefined ? undefined : pathExpression(path);
  return [
    ...(expression === undefined ? [] : [matching(":path", expression)]),
    ...(method === undefined ? [] : [equal(":method", method)]),
    // Names in lower case: field names are case-insensitive (RFC 9110 section 5.1).
    ...headers.map(({ type, name, value }) =>
      type === "Exact" ? equal(name.toLowerCase(), value) : matching(name.toLowerCase(), value),
    ),
  ];
}

/** Undefined when every path fits. A prefix compares whole path elements. */
function pathExpression({
  type,
  value,
}: NonNullable<RequestCondition["path"]>): string | undefined {
  const withQuery = (path: string): string => `${path}(\\?.*)?`;
  switch (type) {
    case "Exact":
      return withQuery(quoted(value));
    case "PathPrefix": {
      const prefix = value.replace(/\/+$/, "");
      return prefix === "" ? undefined : withQuery(`${quoted(prefix)}(/[^?]*)?`);
    }
    case "RegularExpression":
      return withQuery(`(?:${value})`);
  }
}

function matching(name: string, regex: string): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "safeRegex", value: { regex } } },
    },
  });
}

function equal(name: string, value: string): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: {
      case: "stringMatch",
      value: { matchPattern: { case: "exact", value } },
    },
  });
}

function quoted(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
