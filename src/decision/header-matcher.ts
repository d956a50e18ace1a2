/** Envoy's HeaderMatcher and QueryParameterMatcher, compiled to tests of a request. */
import type {
  HeaderMatcher,
  QueryParameterMatcher,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import type { RequestView } from "./request-view.ts";
import { compileStringMatcher, regexTest, type StringTest } from "./string-matcher.ts";

export type RequestTest = (request: RequestView) => boolean;

export function compileHeaderMatcher(
  matcher: HeaderMatcher,
  path: string,
  errors: FieldError[],
): RequestTest {
  const name = matcher.name.toLowerCase();
  if (name === "") errors.push({ path: `${path}.name`, message: "a header name is required" });
  const specifier = matcher.headerMatchSpecifier;
  if (specifier.case === "presentMatch" || specifier.case === undefined) {
    const wanted = (specifier.value ?? true) !== matcher.invertMatch;
    return (request) => (headerValue(request, name) !== undefined) === wanted;
  }
  const test = valueTest(specifier, path, errors);
  const whenMissing = matcher.treatMissingHeaderAsEmpty ? "" : undefined;
  return (request) => {
    const value = headerValue(request, name) ?? whenMissing;
    // An absent header matches neither a condition nor its inversion, as in Envoy.
    return value !== undefined && test(value) !== matcher.invertMatch;
  };
}

function valueTest(
  specifier: Exclude<HeaderMatcher["headerMatchSpecifier"], { case: undefined }>,
  path: string,
  errors: FieldError[],
): StringTest {
  switch (specifier.case) {
    case "stringMatch":
      return compileStringMatcher(specifier.value, `${path}.string_match`, errors);
    case "safeRegexMatch":
      return regexTest(specifier.value, `${path}.safe_regex_match`, errors);
    case "exactMatch":
      return (value) => value === specifier.value;
    case "prefixMatch":
      return (value) => value.startsWith(specifier.value);
    case "suffixMatch":
      return (value) => value.endsWith(specifier.value);
    case "containsMatch":
      return (value) => value.includes(specifier.value);
    case "rangeMatch":
      return rangeTest(specifier.value.start, specifier.value.end);
    default:
      return () => false;
  }
}

/** Half-open range of decimal integers. */
function rangeTest(start: bigint, end: bigint): StringTest {
  return (value) => {
    if (!/^[+-]?\d{1,19}$/.test(value)) return false;
    const number = BigInt(value);
    return number >= start && number < end;
  };
}

function headerValue(request: RequestView, name: string): string | undefined {
  if (name.charCodeAt(0) !== 0x3a) return request.header(name);
  switch (name) {
    case ":method":
      return request.method;
    case ":authority":
      return request.authority;
    case ":scheme":
      return request.scheme;
    case ":path":
      return request.query === "" ? request.path : `${request.path}?${request.query}`;
    default:
      return undefined;
  }
}

export function compileQueryMatcher(
  matcher: QueryParameterMatcher,
  path: string,
  errors: FieldError[],
): RequestTest {
  const name = matcher.name;
  const specifier = matcher.queryParameterMatchSpecifier;
  if (name === "") errors.push({ path: `${path}.name`, message: "a parameter name is required" });
  if (specifier.case === "stringMatch") {
    const test = compileStringMatcher(specifier.value, `${path}.string_match`, errors);
    return (request) => {
      const value = queryParameter(request.query, name);
      return value !== undefined && test(value);
    };
  }
  const wanted = specifier.case === "presentMatch" ? specifier.value : true;
  return (request) => (queryParameter(request.query, name) !== undefined) === wanted;
}

/** The first value of a parameter, percent-decoded as Envoy decodes it, or undefined. */
export function queryParameter(query: string, name: string): string | undefined {
  for (let start = 0; start <= query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf("=", start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (decoded(query.slice(start, nameEnd)) === name) {
      return nameEnd === end ? "" : decoded(query.slice(nameEnd + 1, end));
    }
    start = end + 1;
  }
  return undefined;
}

function decoded(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9a-fA-F]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
