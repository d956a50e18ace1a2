/** Which endpoints a caller uses: as many as asked, always the same, evenly over callers, changed as little as can be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type EndpointState,
  endpointRank,
  endpointsInUse,
  type SubsetRule,
  type SubsetZones,
  subsetSeedOf,
} from "./endpoint-subset.ts";

interface Place {
  readonly address: string;
  readonly state?: EndpointState;
  readonly priority?: number;
  readonly zone?: string;
  readonly zoneWeight?: number;
}

const VIEW = {
  stateOf: ({ state = "serves" }: Place) => state,
  priorityOf: ({ priority = 0 }: Place) => priority,
  zoneOf: ({ zone = "" }: Place) => zone,
  zoneWeightOf: ({ zoneWeight = 0 }: Place) => zoneWeight,
};

function inUse(places: readonly Place[], caller: string, rule: Partial<SubsetRule>): Place[] {
  const rank = endpointRank(subsetSeedOf(caller));
  const ranked = places.toSorted((a, b) => rank(a.address) - rank(b.address));
  return [...endpointsInUse(ranked, { size: 4, zones: "ignored", ...rule }, VIEW)];
}

/** Those of them that serve. */
function members(places: readonly Place[], caller: string, rule: Partial<SubsetRule>): string[] {
  return inUse(places, caller, rule)
    .filter(({ state = "serves" }) => state === "serves")
    .map(({ address }) => address)
    .sort();
}

function endpoints(count: number, more: Partial<Place> = {}): Place[] {
  return Array.from({ length: count }, (_, index) => ({
    address: `10.${more.zone?.length ?? 0}.${index >> 8}.${index & 255}:8080`,
    ...more,
  }));
}

function changes(before: readonly string[], after: readonly string[]): number {
  return before.filter((address) => !after.includes(address)).length;
}

test("the hash is gRPC's: XXH64 of the address with the caller's seed, its upper 53 bits", () => {
  // XXH64 of "a" with the seed 0 is 0xd24ec4f1a98c6e5b.
  const rank = endpointRank({ high: 0, low: 0 })("a");
  assert.equal(BigInt(rank), 0xd24ec4f1a98c6e5bn >> 11n);
  assert.notEqual(endpointRank({ high: 1, low: 0 })("a"), rank, "both halves of the seed count");
  assert.notEqual(endpointRank({ high: 0, low: 1 })("a"), rank);
});

test("a caller uses as many as asked, all where there are fewer, and the same ones each time", () => {
  const places = endpoints(12);
  assert.equal(members(places, "storefront-1", { size: 4 }).length, 4);
  assert.equal(members(places, "storefront-1", { size: 12 }).length, 12);
  assert.equal(members(places.slice(0, 3), "storefront-1", { size: 4 }).length, 3);
  assert.deepEqual(members([], "storefront-1", { size: 4 }), []);
  const shuffled = places.toSorted((a, b) => a.address.localeCompare(b.address) * -1);
  assert.deepEqual(members(shuffled, "storefront-1", {}), members(places, "storefront-1", {}));
  assert.notDeepEqual(members(places, "storefront-2", {}), members(places, "storefront-1", {}));
});

test("property: an endpoint that comes, goes, fails or recovers changes one member at most", () => {
  const states = fc.array(fc.constantFrom<EndpointState>("serves", "out", "pending"), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(
      states,
      fc.nat(),
      fc.integer({ min: 1, max: 20 }),
      fc.string(),
      (list, at, size, caller) => {
        const places = list.map((state, index) => ({ address: `10.0.0.${index}:80`, state }));
        const before = members(places, caller, { size });
        const index = at % places.length;
        const without = places.filter((_, other) => other !== index);
        const flipped = places.map((place, other) =>
          other === index
            ? { ...place, state: place.state === "serves" ? ("out" as const) : ("serves" as const) }
            : place,
        );
        for (const changed of [without, flipped]) {
          const after = members(changed, caller, { size });
          assert.ok(changes(before, after) <= 1, `${before} became ${after}`);
          assert.ok(changes(after, before) <= 1, `${before} became ${after}`);
        }
        const serving = places.filter(({ state }) => state === "serves").length;
        const used = inUse(places, caller, { size }).filter(({ state }) => state !== "out").length;
        const possible = places.filter(({ state }) => state !== "out").length;
        assert.equal(used, Math.min(size, possible));
        // Somebody serves, and nobody is being asked whether they do: never nobody.
        if (serving > 0 && possible === serving) assert.ok(before.length > 0);
      },
    ),
    { numRuns: 500 },
  );
});

test("others stand in for members that are out, which stay in use until they are back", () => {
  const places = endpoints(12);
  const [first = ""] = members(places, "a", {});
  const broken = places.map((place) =>
    place.address === first ? { ...place, state: "out" as const } : place,
  );
  const standIns = members(broken, "a", {});
  assert.equal(standIns.length, 4);
  assert.equal(changes(members(places, "a", {}), standIns), 1);
  assert.ok(inUse(broken, "a", {}).some(({ address }) => address === first));
  assert.equal(inUse(broken, "a", {}).length, 5);
});

test("one that is being checked for the first time keeps its place: nobody stands in for it", () => {
  const places = endpoints(12);
  const pending = places.map((place) => ({ ...place, state: "pending" as const }));
  assert.equal(inUse(pending, "a", {}).length, 4);
  assert.deepEqual(members(pending, "a", {}), []);
});

test("each priority has a subset of its own", () => {
  const far = endpoints(10, { priority: 1, zone: "far" });
  const used = inUse([...endpoints(10), ...far], "a", { size: 3 });
  assert.deepEqual(used.map(({ priority = 0 }) => priority).sort(), [0, 0, 0, 1, 1, 1]);
});

test("zones have parts by weight or by number, and never less than one", () => {
  const count = (zones: SubsetZones, size: number, weights: readonly [number, number, number]) => {
    const places = (["a", "bb", "ccc"] as const).flatMap((zone, index) =>
      endpoints([30, 20, 10][index]!, { zone, zoneWeight: weights[index]! }),
    );
    const used = inUse(places, "caller", { size, zones });
    return ["a", "bb", "ccc"].map((zone) => used.filter((place) => place.zone === zone).length);
  };
  assert.deepEqual(count("weighted", 10, [8, 1, 1]), [8, 1, 1]);
  assert.deepEqual(count("weighted", 10, [99, 1, 0]), [10, 1, 0], "a weight means a member");
  assert.deepEqual(count("counted", 6, [0, 0, 0]), [3, 2, 1]);
  assert.deepEqual(count("counted", 1, [0, 0, 0]), [1, 1, 1]);
  const sum = count("weighted", 10, [0, 0, 0]).reduce((a, b) => a + b, 0);
  assert.equal(sum, 10, "without weights zones do not count");
});

test("over 200 callers every endpoint is in as many subsets as chance allows", () => {
  const [callers, size] = [200, 20];
  const places = endpoints(100);
  const counts = new Map<string, number>();
  for (let caller = 0; caller < callers; caller++) {
    for (const address of members(places, `storefront-${caller}`, { size })) {
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
  }
  const share = size / places.length;
  const mean = callers * share;
  const sigma = Math.sqrt(callers * share * (1 - share));
  const values = places.map(({ address }) => counts.get(address) ?? 0);
  assert.equal(
    values.reduce((a, b) => a + b, 0),
    callers * size,
  );
  // Of a hundred draws one is beyond four sigma in a hundred and sixty tests; the names here are always the same.
  for (const value of values) assert.ok(Math.abs(value - mean) < 4 * sigma, `${value} of ${mean}`);
  const spread = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sigma ** 2;
  // Chi-square with 99 degrees of freedom: 64 and 142 are its limits for 0.5 % each.
  assert.ok(spread > 60 && spread < 142, `chi-square ${spread}`);
});

test("callers whose names differ in one character choose as if by chance", () => {
  const places = endpoints(100);
  const first = members(places, "storefront-1", { size: 50 });
  const second = members(places, "storefront-2", { size: 50 });
  const shared = first.length - changes(first, second);
  assert.ok(shared > 10 && shared < 40, `${shared} of 50 in both`);
});
