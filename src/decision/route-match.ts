/** Envoy's RouteMatch, compiled: whether a request is one that a route, or a rule of a filter, is for. */
import type { RouteMatch } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileHeaderMatcher, type RequestTest } from "./header-matcher.ts";
import { compilePathMatcher, NO_PATH, type PathMatcher } from "./path-matcher.ts";
import { compileQueryMatcher } from "./query-matcher.ts";
import { compileMetadataCondition } from "./rbac/metadata-condition.ts";
import { NO_CONNECTION } from "./rbac/rbac-connection.ts";
import type { RequestView } from "./request-view.ts";

const ANY_PATH: PathMatcher = { matches: () => true, matchedPart: undefined, isAny: true };

const NO_TESTS: readonly RequestTest[] = [];

export interface CompiledMatch {
  readonly path: PathMatcher;
  /** Matches CONNECT and nothing else, which no other match takes: CONNECT has no path. */
  readonly isForConnect: boolean;
  /** Of headers, then query parameters, then metadata. */
  readonly tests: readonly RequestTest[];
}

export function compileRouteMatch(
  match: RouteMatch | undefined,
  path: string,
  errors: FieldError[],
): CompiledMatch {
  if (match === undefined) {
    errors.push({ path, message: "a match is required" });
    return { path: NO_PATH, isForConnect: false, tests: NO_TESTS };
  }
  const isForConnect = match.pathSpecifier.case === "connectMatcher";
  const tests = [
    ...match.headers.map((matcher, index) =>
      compileHeaderMatcher(matcher, `${path}.headers[${index}]`, errors),
    ),
    ...match.queryParameters.map((matcher, index) =>
      compileQueryMatcher(matcher, `${path}.query_parameters[${index}]`, errors),
    ),
    ...match.dynamicMetadata.map((matcher, index): RequestTest => {
      const at = `${path}.dynamic_metadata[${index}]`;
      const { test } = compileMetadataCondition(matcher, at, errors);
      return (request) => test(request, NO_CONNECTION);
    }),
  ];
  return {
    path: isForConnect ? ANY_PATH : compilePathMatcher(match, path, errors),
    isForConnect,
    tests: tests.length === 0 ? NO_TESTS : tests,
  };
}

export function takes(match: CompiledMatch, request: RequestView, isConnect: boolean): boolean {
  if (!match.path.isAny && !match.path.matches(request.path)) return false;
  return takesAtPath(match, request, isConnect);
}

/** The same for a request whose path is known to match. */
export function takesAtPath(
  match: CompiledMatch,
  request: RequestView,
  isConnect: boolean,
): boolean {
  if (match.isForConnect !== isConnect) return false;
  const { tests } = match;
  for (let i = 0; i < tests.length; i++) {
    if (!tests[i]!(request)) return false;
  }
  return true;
}
