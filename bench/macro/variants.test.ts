/** What variants ask for, and that what they ask for leads where it should. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  addressesOf,
  ENDPOINT_VARIANTS,
  ENDPOINTS_MAX,
  matchesOf,
  ONE_VARIANT,
  pathsOf,
  ROUTE_VARIANTS,
} from "./variants.ts";

test("each path that is asked for has a route of its own, by path or by prefix", () => {
  for (const variant of ROUTE_VARIANTS) {
    const matches = matchesOf(variant);
    const paths = pathsOf(variant);
    assert.equal(matches.length, variant.routes);
    const matched = paths.map((path) =>
      matches.findIndex((match) =>
        "path" in match ? match.path === path : path.startsWith(match.prefix),
      ),
    );
    assert.deepEqual(
      matched,
      matches.map((_, index) => index),
    );
  }
});

test("endpoints have different addresses of the loopback network", () => {
  const addresses = addressesOf({ endpoints: ENDPOINTS_MAX });
  assert.equal(new Set(addresses).size, ENDPOINTS_MAX);
  assert.ok(addresses.every((address) => /^127\.0\.\d{1,3}\.([1-9]|\d{2,3})$/.test(address)));
  for (const { clusters, endpoints } of ENDPOINT_VARIANTS) {
    const all = Array.from({ length: clusters }, (_, index) => addressesOf({ endpoints }, index));
    assert.deepEqual(all.flat(), addresses.slice(0, clusters * endpoints));
  }
  assert.deepEqual(addressesOf(ONE_VARIANT[0]), ["127.0.0.1"]);
});

test("without variants the one path is asked for", () => {
  assert.deepEqual(pathsOf(ONE_VARIANT[0]), ["/"]);
});
