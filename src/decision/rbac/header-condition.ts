/**
 * A header as a condition of a policy. Fields of one name are judged one by one (T24): where a match denies, one field
 * that matches is enough; where it allows, all of them must match, so that no second field can hide behind the first.
 */
import type { HeaderMatcher } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileHeaderMatcher, headerReader } from "../header-matcher.ts";
import { headerWanted, shown } from "../matcher-text.ts";
import type { RequestView } from "../request-view.ts";
import { type Condition, leaf } from "./condition.ts";

/** How a condition errs where a request says two things at once: towards a match, or away from one. */
export type Leaning = "wide" | "narrow";

const PSEUDO_SUBJECTS: Readonly<Record<string, string>> = {
  ":method": "method",
  ":authority": "host",
  ":path": "path with query",
  ":scheme": "scheme",
  host: "host",
};

/** For connections that carry no requests. */
const NO_HEADERS: Pick<RequestView, "header" | "headerValues"> = {
  header: () => undefined,
  headerValues: () => [],
};

export function compileHeaderCondition(
  matcher: HeaderMatcher,
  leaning: Leaning,
  isForTcp: boolean,
  path: string,
  errors: FieldError[],
): Condition {
  const name = matcher.name.toLowerCase();
  const subject = PSEUDO_SUBJECTS[name] ?? `header ${name}`;
  const text = { subject, wanted: headerWanted(matcher) };
  if (isForTcp) {
    compileHeaderMatcher(matcher, path, errors);
    // As in Envoy, a connection is judged as if it were a request without any header.
    const asMissing = compileHeaderMatcher({ ...matcher, name: "-" }, path, []);
    const isMet = asMissing(NO_HEADERS as RequestView);
    return leaf(() => isMet, { ...text, found: () => "missing: this is no HTTP" });
  }
  const test = compileHeaderMatcher(matcher, path, errors, leaning === "wide" ? "some" : "every");
  const read = headerReader(name);
  return leaf(test, { ...text, found: (request) => shown(read(request)) });
}
