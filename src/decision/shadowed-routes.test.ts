/** Routes that can never take a request are found, and none that can is taken for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { answering, requestFor, tableOf } from "../../test/support/routing-fixture.ts";
import { RouteMatchSchema } from "../gen/envoy/config/route/v3/route_components_pb.js";
import { shadowedRoutes } from "./shadowed-routes.ts";

/** `later by earlier`, by place. */
function shadows(...matches: readonly JsonObject[]): readonly string[] {
  const routes = matches.map((match) => ({ match: fromJson(RouteMatchSchema, match) }));
  return shadowedRoutes(routes).map(({ place, by }) => `${place} by ${by}`);
}

const header = (name: string, exact: string): JsonObject => ({ name, string_match: { exact } });

test("a route whose every request an earlier one takes is found", () => {
  assert.deepEqual(shadows({ prefix: "/" }, { path: "/a" }), ["1 by 0"]);
  assert.deepEqual(shadows({ path: "/a" }, { path: "/a" }), ["1 by 0"]);
  assert.deepEqual(shadows({ prefix: "/a" }, { prefix: "/ab" }), ["1 by 0"]);
  assert.deepEqual(shadows({ path_separated_prefix: "/a" }, { path: "/a/b" }), ["1 by 0"]);
  assert.deepEqual(shadows({ path_separated_prefix: "/a" }, { path: "/a" }), ["1 by 0"]);
  assert.deepEqual(shadows({ prefix: "/a/" }, { safe_regex: { regex: "/a/[0-9]+" } }), ["1 by 0"]);
  assert.deepEqual(shadows({ prefix: "/a" }, { prefix: "/a", headers: [header("x", "1")] }), [
    "1 by 0",
  ]);
  assert.deepEqual(
    shadows(
      { prefix: "/", headers: [{ name: "x", present_match: true }] },
      { prefix: "/", headers: [header("X", "1"), header("y", "2")] },
    ),
    ["1 by 0"],
  );
});

test("a route that some request still reaches is none", () => {
  assert.deepEqual(shadows({ path: "/a" }, { prefix: "/a" }), []);
  assert.deepEqual(shadows({ path_separated_prefix: "/a" }, { prefix: "/a" }), []);
  assert.deepEqual(shadows({ path_separated_prefix: "/a" }, { path: "/ab" }), []);
  assert.deepEqual(shadows({ prefix: "/a" }, { prefix: "/A", case_sensitive: false }), []);
  assert.deepEqual(shadows({ prefix: "/", headers: [header("x", "1")] }, { prefix: "/" }), []);
  assert.deepEqual(
    shadows(
      { prefix: "/", headers: [header("x", "1")] },
      { prefix: "/", headers: [header("x", "2")] },
    ),
    [],
  );
  assert.deepEqual(
    shadows({ prefix: "/", runtime_fraction: { default_value: { numerator: 1 } } }, { path: "/a" }),
    [],
  );
  assert.deepEqual(shadows({ connect_matcher: {} }, { prefix: "/" }), []);
});

test("no request ever takes a route that is said to be shadowed", () => {
  const path = fc
    .array(fc.constantFrom("a", "b", "A"), { maxLength: 3 })
    .map((segments) => `/${segments.join("/")}`);
  const match: fc.Arbitrary<JsonObject> = fc
    .tuple(
      fc.oneof(
        path.map((value) => ({ path: value })),
        path.map((value) => ({ prefix: value })),
        path.map((value) => ({ prefix: value, case_sensitive: false })),
        path.filter((value) => value !== "/").map((value) => ({ path_separated_prefix: value })),
        fc.constantFrom("/a/.*", "/a", "/[ab]").map((regex) => ({ safe_regex: { regex } })),
      ),
      fc.constantFrom<JsonObject[]>(
        {},
        { headers: [header("x", "1")] },
        { headers: [{ name: "x", present_match: true }] },
        { headers: [{ ...header("x", "1"), invert_match: true }] },
        { query_parameters: [{ name: "q", present_match: true }] },
      ),
    )
    .map(([pathMatch, more]): JsonObject => ({ ...pathMatch, ...more }));
  const request = fc.record({
    target: fc.tuple(path, fc.constantFrom("", "?q=1")).map((parts) => parts.join("")),
    headers: fc.constantFrom<readonly (readonly [string, string])[]>(
      [],
      [["x", "1"]],
      [["x", "2"]],
    ),
  });
  fc.assert(
    fc.property(
      fc.array(match, { minLength: 2, maxLength: 8 }),
      fc.array(request, { minLength: 10, maxLength: 10 }),
      (matches, requests) => {
        const table = tableOf(...matches.map((one) => answering(one)));
        const { routes } = table.virtualHosts[0]!;
        const unreachable = new Set(
          shadowedRoutes(matches.map((one) => ({ match: fromJson(RouteMatchSchema, one) }))).map(
            ({ place }) => routes[place],
          ),
        );
        for (const { target, headers } of requests) {
          const taken = table.match(requestFor(target, { headers }))?.route;
          assert.ok(!unreachable.has(taken), target);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
