/** Envoy's ListStringMatcher over names of header fields, compiled: which fields a list means. */
import type { ListStringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileStringMatcher, type StringTest } from "../string-matcher.ts";

/** Of lower-case names. Undefined where nothing is said, which is not the same as a list that matches nothing. */
export function compileNameList(
  list: ListStringMatcher | undefined,
  path: string,
  errors: FieldError[],
): StringTest | undefined {
  if (list === undefined) return undefined;
  if (list.patterns.length === 0) {
    errors.push({ path: `${path}.patterns`, message: "at least one is required" });
  }
  const tests = list.patterns.map((pattern, index) =>
    compileStringMatcher(pattern, `${path}.patterns[${index}]`, errors),
  );
  return (name) => {
    for (let i = 0; i < tests.length; i++) if (tests[i]!(name)) return true;
    return false;
  };
}
