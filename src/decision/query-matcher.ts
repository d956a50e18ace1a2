/** Envoy's QueryParameterMatcher, compiled to a test of a request. Like Envoy, it decodes nothing. */

import { wireText } from "../core/wire-text.ts";
import type { QueryParameterMatcher } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import type { RequestTest } from "./header-matcher.ts";
import type { RequestView } from "./request-view.ts";
import { compileStringMatcher } from "./string-matcher.ts";

export function compileQueryMatcher(
  matcher: QueryParameterMatcher,
  path: string,
  errors: FieldError[],
): RequestTest {
  const name = wireText(matcher.name);
  // A query is cut at these: no parameter can have such a name.
  const valueIn = /[&=]/.test(name)
    ? () => undefined
    : (request: RequestView) => queryParameter(request.query, name);
  const specifier = matcher.queryParameterMatchSpecifier;
  if (name === "") errors.push({ path: `${path}.name`, message: "a parameter name is required" });
  if (specifier.case === "stringMatch") {
    const test = compileStringMatcher(specifier.value, `${path}.string_match`, errors);
    return (request) => {
      const value = valueIn(request);
      return value !== undefined && test(value);
    };
  }
  const wanted = specifier.case === "presentMatch" ? specifier.value : true;
  return (request) => (valueIn(request) !== undefined) === wanted;
}

const EQUALS = 0x3d;

/**
 * The first value of a parameter as it stands in the query, "" when it has none, or undefined. `name`
 * has no `&` and no `=`. Takes linear time whatever the query is.
 */
export function queryParameter(query: string, name: string): string | undefined {
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    const nameEnd = start + name.length;
    if (query.startsWith(name, start)) {
      if (nameEnd === end) return "";
      if (query.charCodeAt(nameEnd) === EQUALS) return query.slice(nameEnd + 1, end);
    }
    start = end + 1;
  }
  return undefined;
}
