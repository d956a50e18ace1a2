/** The index finds what trying each route in turn would find, whatever the routes are, and allocates nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { answering, requestFor, routeTable, tableOf } from "../../test/support/routing-fixture.ts";
import type { RequestView } from "./request-view.ts";
import type { RouteTable } from "./route-table.ts";

/** The first route of the only virtual host whose every condition holds: what the index stands for. */
function firstByTrying(table: RouteTable, request: RequestView): number {
  const isConnect = request.method === "CONNECT";
  return table.virtualHosts[0]!.routes.findIndex(
    (route) =>
      route.isForConnect === isConnect &&
      (route.path.isAny || route.path.matches(request.path)) &&
      route.tests.every((condition) => condition(request)),
  );
}

function found(table: RouteTable, request: RequestView): number {
  const match = table.match(request);
  return match === undefined ? -1 : table.virtualHosts[0]!.routes.indexOf(match.route);
}

const segment = fc.constantFrom("a", "b", "ab", "items", "item", "A", "7");
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
const pattern = fc.constantFrom(
  ...["/a", "/a.*", "/items/[0-9]+", "/(a|b)/.*", "/a|/b", "/ab?", "/ab*/7", "/items?/7", ".*7"],
  ...["^/a/b", "(?i)/ITEMS/7", "/it(em|ems)", "/a{0,1}", "/a+b", "/\\Qa\\E", "/[a|b]/.*|/items"],
);
const pathMatch: fc.Arbitrary<JsonObject> = fc.oneof(
  path.map((value) => ({ path: value })),
  path.map((value) => ({ prefix: value })),
  fc.constant({ prefix: "/" }),
  path.filter((value) => value !== "/").map((value) => ({ path_separated_prefix: value })),
  path.map((value) => ({ prefix: value, case_sensitive: false })),
  path.map((value) => ({ path: value, case_sensitive: false })),
  pattern.map((regex) => ({ safe_regex: { regex } })),
  fc.constant({ connect_matcher: {} }),
);
const condition: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("1", "2")
      .map((exact) => ({ headers: [{ name: "x", string_match: { exact } }] })),
  },
);
const routes = fc.array(fc.tuple(pathMatch, condition), { minLength: 1, maxLength: 40 });
const request = fc.record({
  path,
  method: fc.constantFrom("GET", "GET", "GET", "CONNECT"),
  x: fc.constantFrom("1", "2", "3"),
});

test("any table finds the route that trying each in turn finds", () => {
  fc.assert(
    fc.property(routes, fc.array(request, { minLength: 5, maxLength: 20 }), (list, requests) => {
      const table = tableOf(...list.map(([match, more]) => answering({ ...match, ...more })));
      for (const { path: target, method, x } of requests) {
        const asked = requestFor(target, { method, headers: [["x", x]] });
        assert.equal(found(table, asked), firstByTrying(table, asked), `${method} ${target}`);
      }
    }),
    { numRuns: 500 },
  );
});

test("thousands of routes are found by their path", () => {
  const count = 5_000;
  const kinds = (index: number): JsonObject[] => [
    { path: `/exact/${index}` },
    { path_separated_prefix: `/below/${index}` },
    { safe_regex: { regex: `/items-${index}/[0-9]+` } },
  ];
  const table = tableOf(
    ...Array.from({ length: count }, (_, index) => answering(kinds(index)[index % 3]!)),
    answering({ prefix: "/" }),
  );
  for (const index of [0, 1, 2, 2_499, 2_500, 2_501, 4_997, 4_998, 4_999]) {
    const target = [`/exact/${index}`, `/below/${index}/x`, `/items-${index}/7`][index % 3]!;
    assert.equal(found(table, requestFor(target)), index, target);
  }
  assert.equal(found(table, requestFor("/exact/17x")), count);
});

test("finding a route allocates nothing", () => {
  const table = routeTable({
    virtual_hosts: [
      {
        name: "shop",
        domains: ["shop.example", "*.shop.example"],
        routes: [
          ...Array.from({ length: 100 }, (_, index) => answering({ path: `/exact/${index}` })),
          ...Array.from({ length: 100 }, (_, index) =>
            answering({ path_separated_prefix: `/below/${index}` }),
          ),
          answering({ prefix: "/" }),
        ],
      },
    ],
  });
  const asked = ["/exact/99", "/below/99/products/7", "/none"].map((target) =>
    requestFor(target, { host: "shop.example" }),
  );
  const run = (count: number): number => {
    let hits = 0;
    for (let i = 0; i < count; i++) hits += table.match(asked[i % 3]!) === undefined ? 0 : 1;
    return hits;
  };
  run(200_000);
  // A collection in between could hide what was allocated: the least of some measurements counts.
  const grown = Array.from({ length: 5 }, () => {
    const before = process.memoryUsage().heapUsed;
    run(100_000);
    return process.memoryUsage().heapUsed - before;
  });
  const most = Math.max(...grown.filter((bytes) => bytes >= 0));
  assert.ok(most < 100_000, `100,000 look-ups took ${most} bytes`);
});
