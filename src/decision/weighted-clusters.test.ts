/** Splitting by weight: exact over every value, and the header that takes the place of chance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { blockOf } from "../../test/support/header-fixture.ts";
import { compiledRoute, routeErrors } from "../../test/support/routing-fixture.ts";
import { applyMutations } from "./header-mutation.ts";
import { type ClusterSplit, choiceAt, hashRemainder, remainderOf } from "./weighted-clusters.ts";

function splitOf(weights: readonly number[], extra: JsonObject = {}): ClusterSplit {
  const clusters = weights.map((weight, index) => ({ name: `c${index}`, weight }));
  const { action } = compiledRoute({
    match: { prefix: "/" },
    route: { weighted_clusters: { clusters, ...extra } },
  });
  assert.ok(action.kind === "forward");
  return action.split;
}

function errorsOf(weighted: JsonObject): readonly string[] {
  return routeErrors({ match: { prefix: "/" }, route: { weighted_clusters: weighted } });
}

test("over all values each cluster gets exactly its weight, in order", () => {
  const weights = fc
    .array(fc.nat(50), { minLength: 1, maxLength: 6 })
    .filter((list) => list.some((weight) => weight > 0));
  fc.assert(
    fc.property(weights, (list) => {
      const split = splitOf(list);
      assert.equal(
        split.total,
        list.reduce((sum, weight) => sum + weight, 0),
      );
      const counts = new Map<string, number>();
      let last = -1;
      for (let value = 0; value < split.total; value++) {
        const { cluster } = choiceAt(split, value);
        counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
        const index = Number(cluster.slice(1));
        assert.ok(index >= last, "a cluster's values are consecutive");
        last = index;
      }
      for (const [index, weight] of list.entries()) {
        assert.equal(counts.get(`c${index}`) ?? 0, weight);
      }
    }),
  );
});

test("a weight of 0 is never taken, be it first, in the middle or last", () => {
  for (const weights of [
    [0, 1],
    [1, 0],
    [1, 0, 1],
    [0, 0, 1, 0],
  ]) {
    const split = splitOf(weights);
    for (let value = 0; value < split.total; value++) {
      assert.ok(choiceAt(split, value).weight > 0);
    }
  }
});

test("a single cluster is a split of one", () => {
  const { action } = compiledRoute({ match: { prefix: "/" }, route: { cluster: "c" } });
  assert.ok(action.kind === "forward");
  assert.equal(choiceAt(action.split, 0).cluster, "c");
  assert.equal(action.split.total, 1);
  assert.equal(action.split.randomHeader, "");
});

test("the header is named in lower case", () => {
  assert.equal(splitOf([1, 1], { header_name: "X-Random" }).randomHeader, "x-random");
});

test("a cluster has its own header changes and host", () => {
  const { action } = compiledRoute({
    match: { prefix: "/" },
    route: {
      weighted_clusters: {
        clusters: [
          {
            name: "c",
            weight: 1,
            request_headers_to_remove: ["x"],
            response_headers_to_add: [{ header: { key: "y", value: "1" } }],
            host_rewrite_literal: "other:80",
          },
        ],
      },
    },
  });
  assert.ok(action.kind === "forward");
  const choice = choiceAt(action.split, 0);
  const headers = blockOf("x: 0\r\nz: 2\r\n");
  applyMutations(choice.requestMutations, headers);
  assert.equal(headers.toLines(), "z: 2\r\n");
  applyMutations(choice.responseMutations, headers);
  assert.equal(headers.toLines(), "z: 2\r\ny: 1\r\n");
  assert.equal(choice.hostRewrite, "other:80");
});

test("a random value of 64 bits leaves the exact remainder", () => {
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(uint64, fc.integer({ min: 1, max: 0xffff_ffff }), (value, total) => {
      assert.equal(remainderOf(String(value), total), Number(value % BigInt(total)));
    }),
  );
});

test("leading zeros and a plus are read, as Envoy reads them", () => {
  assert.equal(remainderOf("+7", 5), 2);
  assert.equal(remainderOf("00", 3), 0);
  assert.equal(remainderOf(`${"0".repeat(50)}7`, 5), 2);
});

test("anything else is no random value", () => {
  for (const text of ["", "+", "-1", "1.5", "1a", "0x1", " 1", "1,2", "18446744073709551616"]) {
    assert.equal(remainderOf(text, 3), undefined, text);
  }
  assert.equal(remainderOf("9".repeat(10_000), 3), undefined);
});

test("what cannot be meant is refused at its path", () => {
  const at = "route.weighted_clusters";
  assert.deepEqual(errorsOf({}), [`${at}: the weights add up to 0`]);
  assert.deepEqual(errorsOf({ clusters: [{ name: "c", weight: 0 }] }), [
    `${at}: the weights add up to 0`,
  ]);
  assert.deepEqual(errorsOf({ clusters: [{ weight: 1 }, { name: "c" }] }), [
    `${at}.clusters[0].name: a cluster name is required`,
    `${at}.clusters[1].weight: a weight is required; 0 is one`,
  ]);
  assert.deepEqual(
    errorsOf({
      clusters: [
        { name: "a", weight: 4294967295 },
        { name: "b", weight: 1 },
      ],
    }),
    [`${at}: the weights add up to 4294967296, 4294967295 is the most`],
  );
  assert.deepEqual(
    errorsOf({ clusters: [{ name: "a", weight: 1, host_rewrite_literal: "a b" }] }),
    [`${at}.clusters[0].host_rewrite_literal: "a b" is not a host with or without port`],
  );
});

test("the remainder of a hash of 64 bits is exact", () => {
  const half = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(half, half, fc.integer({ min: 1, max: 0xffff_ffff }), (high, low, total) => {
      const exact = ((BigInt(high) << 32n) | BigInt(low)) % BigInt(total);
      assert.equal(hashRemainder(high, low, total), Number(exact));
    }),
  );
});

test("a split follows the route's hash where it is told to", () => {
  assert.equal(splitOf([1, 1]).isByHash, false);
  assert.equal(splitOf([1, 1], { use_hash_policy: true }).isByHash, true);
  assert.equal(splitOf([1, 1], { use_hash_policy: false }).isByHash, false);
});
