/** Envoy's HeaderMatcher, compiled to a test of a request. */
import type { HeaderMatcher } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import type { RequestView } from "./request-view.ts";
import {
  affixTest,
  compileStringMatcher,
  exactTest,
  regexTest,
  type StringTest,
} from "./string-matcher.ts";

export type RequestTest = (request: RequestView) => boolean;

/**
 * What fields of the same name must do: routes go by Envoy's rule, where one of them is enough for a condition and too
 * much for its inversion. Policies ask for `some` where a match denies and for `every` where it allows (T24).
 */
export type Quantifier = "envoy" | "some" | "every";

export function compileHeaderMatcher(
  matcher: HeaderMatcher,
  path: string,
  errors: FieldError[],
  quantifier: Quantifier = "envoy",
): RequestTest {
  const name = matcher.name.toLowerCase();
  if (name === "") errors.push({ path: `${path}.name`, message: "a header name is required" });
  const { invertMatch, treatMissingHeaderAsEmpty } = matcher;
  const specifier = matcher.headerMatchSpecifier;
  const read = headerReader(name);
  if (specifier.case === "presentMatch" || specifier.case === undefined) {
    const wanted = (specifier.value ?? true) !== invertMatch;
    // A missing header that counts as empty counts as present, as in Envoy.
    if (treatMissingHeaderAsEmpty) return () => wanted;
    return (request) => (read(request) !== undefined) === wanted;
  }
  const test = valueTest(specifier, path, errors);
  const whenMissing = treatMissingHeaderAsEmpty ? "" : undefined;
  // "Not every one" is what some of them do to an inversion, "not a single one" what every one does.
  const isEvery = quantifier !== "envoy" && (quantifier === "every") !== invertMatch;
  const matches = isEvery ? matchesAll : matchesOne;
  return (request) => {
    const value = read(request) ?? whenMissing;
    // A missing header matches neither a condition nor its inversion, as in Envoy.
    if (value === undefined) return false;
    return matches(request, name, value, test) !== invertMatch;
  };
}

/**
 * Fields of the same name are judged one by one: one of them is enough for a condition and too much
 * for its inversion, so that a second field cannot hide the first (Envoy does so since a security fix).
 */
function matchesOne(request: RequestView, name: string, joined: string, test: StringTest): boolean {
  if (!joined.includes(",") || isPseudoHeader(name)) return test(joined);
  return request.headerValues(name).some(test);
}

function matchesAll(request: RequestView, name: string, joined: string, test: StringTest): boolean {
  if (!joined.includes(",") || isPseudoHeader(name)) return test(joined);
  return request.headerValues(name).every(test);
}

function valueTest(
  specifier: Exclude<HeaderMatcher["headerMatchSpecifier"], { case: undefined | "presentMatch" }>,
  path: string,
  errors: FieldError[],
): StringTest {
  switch (specifier.case) {
    case "stringMatch":
      return compileStringMatcher(specifier.value, `${path}.string_match`, errors);
    case "safeRegexMatch":
      return regexTest(specifier.value, `${path}.safe_regex_match`, errors);
    case "exactMatch":
      return exactTest(specifier.value, false);
    case "prefixMatch":
      return affixTest("prefix", specifier.value, false, `${path}.prefix_match`, errors);
    case "suffixMatch":
      return affixTest("suffix", specifier.value, false, `${path}.suffix_match`, errors);
    case "containsMatch":
      return affixTest("contains", specifier.value, false, `${path}.contains_match`, errors);
    case "rangeMatch":
      return rangeTest(specifier.value.start, specifier.value.end);
  }
}

const PLUS = 0x2b;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
/** A number of so many digits is exact in a double. */
const EXACT_DIGITS_MAX = 15;
/** Longer numbers are outside the range of a bound, which has 64 bits. */
const INT64_DIGITS_MAX = 19;

/** Half-open range of decimal integers. */
function rangeTest(start: bigint, end: bigint): StringTest {
  return (value) => {
    const number = integerOf(value);
    return number !== undefined && number >= start && number < end;
  };
}

/** The whole value as a decimal integer with an optional sign, or undefined. */
function integerOf(value: string): number | bigint | undefined {
  const sign = value.charCodeAt(0);
  const first = sign === PLUS || sign === MINUS ? 1 : 0;
  if (value.length === first) return undefined;
  let significant = first;
  for (let i = first; i < value.length; i++) {
    const digit = value.charCodeAt(i) - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    if (digit === 0 && significant === i) significant = i + 1;
  }
  const digits = value.length - significant;
  if (digits > INT64_DIGITS_MAX) return undefined;
  const magnitude = value.slice(significant);
  const number = digits > EXACT_DIGITS_MAX ? BigInt(magnitude) : Number(magnitude);
  return sign === MINUS ? -number : number;
}

function isPseudoHeader(name: string): boolean {
  return name.startsWith(":") || name === "host";
}

/** `name` is in lower case. Reads a header, or the part of the request that a pseudo-header of HTTP/2 names (RFC 9113 section 8.3.1). */
export function headerReader(name: string): (request: RequestView) => string | undefined {
  if (!isPseudoHeader(name)) return (request) => request.header(name);
  switch (name) {
    case ":method":
      return (request) => request.method;
    case ":authority":
    case "host":
      return (request) => request.authority;
    case ":scheme":
      return (request) => request.scheme;
    case ":path":
      return (request) =>
        request.query === "" ? request.path : `${request.path}?${request.query}`;
    default:
      return () => undefined;
  }
}
