/**
 * Envoy's MetadataMatcher, compiled: looks at what filters before have found out about a request, such as the claims
 * of a verified token.
 */

import { textFromWire, wireText } from "../../core/wire-text.ts";
import type { MetadataMatcher } from "../../gen/envoy/type/matcher/v3/metadata_pb.js";
import type { DoubleMatcher } from "../../gen/envoy/type/matcher/v3/number_pb.js";
import type { ValueMatcher } from "../../gen/envoy/type/matcher/v3/value_pb.js";
import { type MetadataValue, metadataAt } from "../dynamic-metadata.ts";
import type { FieldError } from "../field-error.ts";
import { shown, stringWanted } from "../matcher-text.ts";
import { compileStringMatcher } from "../string-matcher.ts";
import { type Condition, leaf, never } from "./condition.ts";

type ValueTest = (value: MetadataValue | undefined) => boolean;

interface Compiled {
  readonly test: ValueTest;
  readonly wanted: string;
}

const JWT_NAMESPACE = "envoy.filters.http.jwt_authn";
const JWT_PAYLOAD = "payload";

export function compileMetadataCondition(
  { filter, path: segments, value, invert }: MetadataMatcher,
  path: string,
  errors: FieldError[],
): Condition {
  if (filter === "") errors.push({ path: `${path}.filter`, message: "is required" });
  if (segments.length === 0) {
    errors.push({ path: `${path}.path`, message: "at least one segment is required" });
  }
  const keys = segments.map(({ segment }, index) => {
    if (segment.case === "key" && segment.value !== "") return segment.value;
    errors.push({ path: `${path}.path[${index}].key`, message: "is required" });
    return "";
  });
  if (value === undefined) {
    errors.push({ path: `${path}.value`, message: "is required" });
    return never("metadata");
  }
  const { test, wanted } = compileValue(value, `${path}.value`, errors);
  const subject = subjectOf(filter, keys);
  return leaf(({ metadata }) => test(metadataAt(metadata, filter, keys)) !== invert, {
    subject,
    wanted: `${invert ? "not " : ""}${wanted}`,
    found: ({ metadata }) => valueText(metadataAt(metadata, filter, keys)),
  });
}

/** `claim groups` for what tokens say. */
function subjectOf(filter: string, keys: readonly string[]): string {
  if (filter === JWT_NAMESPACE && keys[0] === JWT_PAYLOAD)
    return `claim ${keys.slice(1).join(".")}`;
  return `metadata ${filter}:${keys.join(".")}`;
}

function compileValue(matcher: ValueMatcher, path: string, errors: FieldError[]): Compiled {
  const pattern = matcher.matchPattern;
  switch (pattern.case) {
    case "nullMatch":
      return { test: (value) => value === null, wanted: "null" };
    case "boolMatch":
      return { test: (value) => value === pattern.value, wanted: String(pattern.value) };
    case "presentMatch":
      // As in Envoy, false asks for nothing that could be: whoever means "absent" inverts the matcher.
      return {
        test: (value) => pattern.value && value !== undefined,
        wanted: pattern.value ? "present" : "nothing",
      };
    case "doubleMatch":
      return compileDouble(pattern.value, path, errors);
    case "stringMatch": {
      const test = compileStringMatcher(pattern.value, `${path}.string_match`, errors);
      return {
        test: (value) => typeof value === "string" && test(wireText(value)),
        wanted: stringWanted(pattern.value),
      };
    }
    case "listMatch": {
      const { matchPattern } = pattern.value;
      if (matchPattern.case !== "oneOf") {
        errors.push({ path: `${path}.list_match.one_of`, message: "is required" });
        return { test: () => false, wanted: "nothing" };
      }
      const { test, wanted } = compileValue(
        matchPattern.value,
        `${path}.list_match.one_of`,
        errors,
      );
      return {
        test: (value) => isList(value) && value.some(test),
        wanted: `a list with ${wanted}`,
      };
    }
    case "orMatch": {
      const { valueMatchers } = pattern.value;
      if (valueMatchers.length < 2) {
        errors.push({
          path: `${path}.or_match.value_matchers`,
          message: "at least two are required",
        });
      }
      const parts = valueMatchers.map((part, index) =>
        compileValue(part, `${path}.or_match.value_matchers[${index}]`, errors),
      );
      return {
        test: (value) => parts.some(({ test }) => test(value)),
        wanted: parts.map(({ wanted }) => wanted).join(" or "),
      };
    }
    default:
      errors.push({ path, message: "a match pattern is required" });
      return { test: () => false, wanted: "nothing" };
  }
}

function compileDouble(
  { matchPattern }: DoubleMatcher,
  path: string,
  errors: FieldError[],
): Compiled {
  switch (matchPattern.case) {
    case "exact":
      return {
        test: (value) => value === matchPattern.value,
        wanted: `exact ${matchPattern.value}`,
      };
    case "range": {
      const { start, end } = matchPattern.value;
      return {
        test: (value) => typeof value === "number" && value >= start && value < end,
        wanted: `a number from ${start} to below ${end}`,
      };
    }
    default:
      errors.push({ path: `${path}.double_match`, message: "one of range, exact is required" });
      return { test: () => false, wanted: "nothing" };
  }
}

function isList(value: MetadataValue | undefined): value is readonly MetadataValue[] {
  return Array.isArray(value);
}

function valueText(value: MetadataValue | undefined): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return shown(textFromWire(wireText(value)));
  if (isList(value)) return shown(value.map((item) => String(item)).join(","));
  return value instanceof Map ? "an object" : String(value);
}
