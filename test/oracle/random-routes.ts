/**
 * Random route tables and requests for both proxies: small alphabets, so that routes overlap and most requests match
 * one. Each route says its name in a header of the answer, each cluster its own.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";

export const CLUSTERS = ["alpha", "beta", "gamma"] as const;

export interface RandomRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
}

export interface RandomHost {
  readonly host: string;
  /** Envoy's VirtualHost. */
  readonly virtualHost: JsonObject;
  readonly requests: readonly RandomRequest[];
}

export const ROUTE_HEADER = "x-route";

const path = fc
  .array(fc.constantFrom("a", "b", "ab", "items", "7", "A"), { maxLength: 3 })
  .map((segments) => `/${segments.join("/")}`);
const value = fc.constantFrom("1", "2", "12", "v1", "");
const someValue = fc.constantFrom("1", "2", "12", "v1");
const headerName = fc.constantFrom("x-user", "x-version");
const regex = fc.constantFrom("v?[0-9]", "1.*", ".*2", "(1|2)+", "[a-z]1");

const stringMatch: fc.Arbitrary<JsonObject> = fc.oneof(
  someValue.map((exact) => ({ exact })),
  someValue.map((prefix) => ({ prefix })),
  someValue.map((suffix) => ({ suffix })),
  someValue.map((contains) => ({ contains })),
  regex.map((pattern) => ({ safe_regex: { regex: pattern } })),
  someValue.map((exact) => ({ exact: exact.toUpperCase(), ignore_case: true })),
);

const header: fc.Arbitrary<JsonObject> = fc.oneof(
  fc
    .tuple(headerName, stringMatch, fc.boolean(), fc.boolean())
    .map(([name, matcher, invert_match, treat_missing_header_as_empty]) => ({
      ...{ name, string_match: matcher, invert_match, treat_missing_header_as_empty },
    })),
  fc
    .tuple(headerName, fc.boolean(), fc.boolean())
    .map(([name, present_match, invert_match]) => ({ name, present_match, invert_match })),
  headerName.map((name) => ({ name, range_match: { start: "1", end: "10" } })),
  fc.constantFrom("GET", "POST").map((exact) => ({ name: ":method", string_match: { exact } })),
);

const query: fc.Arbitrary<JsonObject> = fc.oneof(
  stringMatch.map((matcher) => ({ name: "page", string_match: matcher })),
  fc.boolean().map((present_match) => ({ name: "page", present_match })),
);

const pathMatch: fc.Arbitrary<JsonObject> = fc.oneof(
  path.map((exact) => ({ path: exact })),
  path.map((prefix) => ({ prefix })),
  path.filter((text) => text !== "/").map((prefix) => ({ path_separated_prefix: prefix })),
  path.map((prefix) => ({ prefix, case_sensitive: false })),
  path.map((exact) => ({ path: exact, case_sensitive: false })),
  fc
    .constantFrom("/items?/[0-9]+", "/(a|b)/.*", "/a.*", "(?i)/ITEMS.*", "/a|/b", "/ab?/?.*")
    .map((pattern) => ({ safe_regex: { regex: pattern } })),
);

const match: fc.Arbitrary<JsonObject> = fc
  .tuple(
    pathMatch,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant<JsonObject[]>([]) },
      { weight: 3, arbitrary: fc.array(header, { maxLength: 2 }) },
    ),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant<JsonObject[]>([]) },
      { weight: 1, arbitrary: fc.array(query, { maxLength: 1 }) },
    ),
  )
  .map(
    ([paths, headers, query_parameters]): JsonObject => ({
      ...paths,
      headers,
      query_parameters,
    }),
  );

const cluster = fc.constantFrom(...CLUSTERS);
const action: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 4, arbitrary: cluster.map((name) => ({ route: { cluster: name } })) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.record({ name: cluster, weight: fc.integer({ min: 1, max: 5 }) }), {
        minLength: 1,
        maxLength: 3,
      })
      .map((clusters) => ({
        route: { weighted_clusters: { header_name: "x-random", clusters } },
      })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(200, 404, 503).map((status) => ({ direct_response: { status } })),
  },
);

const request: fc.Arbitrary<RandomRequest> = fc
  .record({
    method: fc.constantFrom("GET", "GET", "POST"),
    path,
    query: fc.oneof(
      { weight: 2, arbitrary: fc.constant("") },
      value.map((page) => `?page=${page}`),
      fc.constantFrom("?page", "?x=1&page=2", "?page=1&page=2"),
    ),
    headers: fc.array(fc.tuple(headerName, value), { maxLength: 3 }),
    random: fc.integer({ min: 0, max: 20 }),
  })
  .map(({ method, path: target, query: search, headers, random }) => ({
    method,
    target: `${target}${search}`,
    headers: [...headers, ["x-random", String(random)]],
  }));

/** The same for the same seed. */
export function randomHosts(options: {
  readonly seed: number;
  readonly hosts: number;
  readonly requestsPerHost: number;
}): readonly RandomHost[] {
  const { seed, hosts, requestsPerHost: count } = options;
  const table = fc.tuple(
    fc.array(fc.tuple(match, action), { minLength: 5, maxLength: 30, size: "max" }),
    fc.array(request, { minLength: count, maxLength: count }),
  );
  return fc.sample(table, { seed, numRuns: hosts }).map(([routes, requests], index) => {
    const host = `host-${index}.example`;
    const virtualHost: JsonObject = {
      name: host,
      domains: [host],
      routes: routes.map(([matched, acted], place) => {
        const name = `route-${place}`;
        return {
          ...{ name, match: matched, ...acted },
          response_headers_to_add: [{ header: { key: ROUTE_HEADER, value: name } }],
        };
      }),
    };
    return { host, virtualHost, requests };
  });
}
