/** Why each route before the one that takes a request does not take it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { type RequestInit, requestFor } from "../../test/support/routing-fixture.ts";
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.js";
import { explainMatch, type RouteExplanation } from "./explanation.ts";
import type { FieldError } from "./field-error.ts";
import { RouteTable } from "./route-table.ts";

function explain(
  matches: readonly JsonObject[],
  target: string,
  init: RequestInit = {},
): RouteExplanation {
  const config = fromJson(RouteConfigurationSchema, {
    name: "test",
    virtual_hosts: [
      {
        name: "all",
        domains: ["shop", "*.shop"],
        routes: matches.map((match, index) => ({
          name: `route-${index}`,
          match,
          direct_response: { status: 200 },
        })),
      },
    ],
  });
  const errors: FieldError[] = [];
  const table = new RouteTable(config, errors);
  assert.deepEqual(errors, []);
  return explainMatch(config, table, requestFor(target, init));
}

/** The reason of a route that is passed over. */
function reasonOf(match: JsonObject, target: string, init: RequestInit = {}): string | undefined {
  return explain([match, { prefix: "/" }], target, init).passed[0]?.reason;
}

test("the first condition that does not hold is the reason", () => {
  const header = (name: string, matcher: JsonObject): JsonObject => ({
    prefix: "/",
    headers: [{ name, ...matcher }],
  });
  const query = (matcher: JsonObject): JsonObject => ({
    prefix: "/",
    query_parameters: [{ name: "page", ...matcher }],
  });
  const exact = (value: string): JsonObject => ({ string_match: { exact: value } });
  const user: RequestInit = { headers: [["x-user", "5"]] };
  const cases: readonly (readonly [JsonObject, string, RequestInit, string])[] = [
    [{ path: "/items" }, "/items/7", {}, "path is /items/7, wanted exact /items"],
    [{ prefix: "/b" }, "/a", {}, "path is /a, wanted prefix /b"],
    [
      { path_separated_prefix: "/item" },
      "/items",
      {},
      "path is /items, wanted prefix /item (whole segments)",
    ],
    [{ safe_regex: { regex: "/[0-9]+" } }, "/a", {}, "path is /a, wanted regex /[0-9]+"],
    [{ prefix: "/B", case_sensitive: false }, "/a", {}, "path is /a, wanted prefix /B in any case"],
    [{ connect_matcher: {} }, "/a", {}, "method is GET, wanted CONNECT"],
    [header("x-user", exact("7")), "/", user, "header x-user is 5, wanted exact 7"],
    [header("X-User", exact("7")), "/", {}, "header x-user is missing, wanted exact 7"],
    [
      header("x-user", { ...exact("5"), invert_match: true }),
      "/",
      user,
      "header x-user is 5, wanted not exact 5",
    ],
    [header("x-user", { present_match: false }), "/", user, "header x-user is 5, wanted absent"],
    [header("x-user", {}), "/", {}, "header x-user is missing, wanted present"],
    [
      header("x-user", { range_match: { start: "7", end: "9" } }),
      "/",
      user,
      "header x-user is 5, wanted a number from 7 to below 9",
    ],
    [
      header("x-user", { ...exact("a"), treat_missing_header_as_empty: true }),
      "/",
      {},
      "header x-user is missing, which counts as empty, wanted exact a",
    ],
    [header(":method", exact("POST")), "/", {}, "method is GET, wanted POST"],
    [header(":authority", exact("x")), "/", { host: "shop" }, "host is shop, wanted exact x"],
    [query(exact("2")), "/?page=1&page=2", {}, "query parameter page is 1, wanted exact 2"],
    [query({ present_match: true }), "/", {}, "query parameter page is missing, wanted present"],
    [query({ present_match: false }), "/?page", {}, "query parameter page is empty, wanted absent"],
  ];
  for (const [match, target, init, reason] of cases) {
    assert.equal(reasonOf(match, target, init), reason);
  }
});

test("the route that takes the request is told with its place, and those behind it are not", () => {
  const { taken, passed, virtualHost } = explain(
    [
      { path: "/a" },
      { prefix: "/b", headers: [{ name: "x", string_match: { exact: "1" } }] },
      { prefix: "/b" },
      { prefix: "/" },
    ],
    "/b/c",
    { host: "a.shop" },
  );
  assert.equal(virtualHost?.name, "all");
  assert.equal(taken?.message.name, "route-2");
  assert.equal(taken?.place, 2);
  assert.equal(taken?.match, "path prefix /b");
  assert.deepEqual(
    passed.map(({ name, match, isPathMatched }) => [name, match, isPathMatched]),
    [
      ["route-0", "path exact /a", false],
      ["route-1", "path prefix /b, header x exact 1", true],
    ],
  );
});

test("a request that no route or no virtual host takes", () => {
  const missed = explain([{ path: "/a" }], "/b");
  assert.equal(missed.taken, undefined);
  assert.equal(missed.passed.length, 1);
  const elsewhere = explain([{ path: "/a" }], "/a", { host: "other" });
  assert.deepEqual(elsewhere, { virtualHost: undefined, passed: [], taken: undefined });
});

test("what a request has is shown safely", () => {
  const reason = reasonOf(
    { prefix: "/", headers: [{ name: "x", string_match: { exact: "a" } }] },
    "/",
    { headers: [["x", `two words ${"x".repeat(200)}`]] },
  );
  assert.match(reason ?? "", /^header x is "two words x{90}…", wanted exact a$/);
});
