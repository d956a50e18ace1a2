/** Envoy's HeaderMatcher for answers, compiled. Nearly all only ask whether a field is there. */
import type { HeaderMatcher } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { HeaderBlock } from "../http/header-block.ts";
import type { FieldError } from "./field-error.ts";
import { compileHeaderMatcher } from "./header-matcher.ts";
import type { HttpVersion, RequestView } from "./request-view.ts";

export type ResponseTest = (headers: HeaderBlock) => boolean;

/** The fields of an answer where a test of a request looks for its own. Used again for each answer. */
class ResponseView implements RequestView {
  readonly method = "";
  readonly path = "";
  readonly query = "";
  readonly authority = "";
  readonly scheme = "";
  readonly httpVersion: HttpVersion = "HTTP/1.1";
  headers: HeaderBlock | undefined;

  header(lowerName: string): string | undefined {
    return this.headers?.get(lowerName);
  }

  headerValues(lowerName: string): readonly string[] {
    return this.headers?.valuesOf(lowerName) ?? [];
  }
}

export function compileResponseTest(
  matcher: HeaderMatcher,
  path: string,
  errors: FieldError[],
): ResponseTest {
  const { name, headerMatchSpecifier: specifier, invertMatch } = matcher;
  const isPresence = specifier.case === undefined || specifier.case === "presentMatch";
  const isPlain = isPresence && (specifier.value ?? true) && !invertMatch;
  if (isPlain && !matcher.treatMissingHeaderAsEmpty && name !== "") return presenceTest(name);
  if (name.startsWith(":")) {
    errors.push({ path: `${path}.name`, message: "an answer has header fields only" });
  }
  const test = compileHeaderMatcher(matcher, path, errors);
  const view = new ResponseView();
  return (headers) => {
    view.headers = headers;
    const isMet = test(view);
    view.headers = undefined;
    return isMet;
  };
}

export function presenceTest(name: string): ResponseTest {
  const lower = name.toLowerCase();
  return (headers) => headers.get(lower) !== undefined;
}
