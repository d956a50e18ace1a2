/** A group that uses a part of its endpoints: by priority and zone, with health that changes, and in a panic. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../../core/prng.ts";
import { type Host, UNKNOWN_LOCALITY } from "./host.ts";
import { HostGroup, type HostGroupOptions, type LocalityMode } from "./host-group.ts";
import type { HostHealth } from "./load-balancer.ts";
import { RoundRobin } from "./round-robin.ts";
import type { SubsettingOptions } from "./subsetting.ts";
import { ZONE_AWARE_DEFAULTS } from "./zone-aware.ts";

interface HostSpec {
  readonly health?: HostHealth;
  readonly priority?: number;
  readonly zone?: string;
  readonly zoneWeight?: number;
}

/** A host whose key is its rank. */
function host(rank: number, spec: HostSpec = {}): Host {
  const { health = "healthy", priority = 0, zone = "", zoneWeight = 0 } = spec;
  const locality = { ...UNKNOWN_LOCALITY, key: `/${zone}/`, weight: zoneWeight };
  return {
    ...{ key: String(rank), health, weightFactor: 1, activeRequests: 0, waitingCount: 0 },
    ...{ ewmaMs: 0, ewmaAtMs: 0, unreachableUntilMs: 0 },
    info: { weight: 1, priority, locality, hostname: "", labels: undefined, isDraining: false },
  };
}

function hosts(count: number, specOf: (rank: number) => HostSpec = () => ({})): readonly Host[] {
  return Array.from({ length: count }, (_, rank) => host(rank, specOf(rank)));
}

interface GroupSpec extends Partial<HostGroupOptions<Host>> {
  readonly part?: Partial<SubsettingOptions<Host>>;
}

function group({ part = {}, ...more }: GroupSpec = {}): HostGroup<Host> {
  const inputs = { prng: new SeededPrng(5), nowMs: () => 0 };
  return new HostGroup<Host>({
    createBalancer: () => new RoundRobin<Host>(inputs),
    panicThreshold: 0,
    locality: { kind: "none" },
    localZones: () => undefined,
    prng: inputs.prng,
    subsetting: {
      size: 4,
      rankOf: ({ key }) => Number(key),
      isPending: () => false,
      countsAll: true,
      ...part,
    },
    ...more,
  });
}

function picked(chosen: HostGroup<Host>): string {
  const keys = new Set(Array.from({ length: 200 }, () => chosen.pick()?.key ?? "none"));
  return [...keys].sort((a, b) => Number(a) - Number(b)).join(" ");
}

const keysOf = (list: readonly Host[]): string => list.map(({ key }) => key).join(" ");

test("requests go to the first by rank that are healthy, others stand in", () => {
  const chosen = group();
  chosen.update(hosts(12));
  assert.equal(picked(chosen), "0 1 2 3");
  chosen.update(hosts(12, (rank) => (rank === 1 ? { health: "unhealthy" } : {})));
  assert.equal(picked(chosen), "0 2 3 4");
  assert.equal(keysOf(chosen.members), "0 2 3 4");
  assert.equal(keysOf(chosen.inUse), "0 1 2 3 4");
  assert.equal(keysOf(chosen.eligible), "0 2 3 4", "retries stay within the part");
});

test("as long as one is healthy it serves, whatever its rank", () => {
  const chosen = group();
  chosen.update(hosts(12, (rank) => (rank === 11 ? {} : { health: "unhealthy" })));
  assert.equal(picked(chosen), "11");
});

test("a degraded one counts for nothing while there are others", () => {
  const chosen = group();
  chosen.update(hosts(12, (rank) => (rank < 2 ? { health: "degraded" } : {})));
  assert.equal(picked(chosen), "2 3 4 5");
});

test("the next priority has a part of its own, and gets what the first cannot take", () => {
  const chosen = group({ part: { size: 2 } });
  const spec = (rank: number): HostSpec =>
    rank < 6 ? { priority: 0, health: rank === 5 ? "healthy" : "unhealthy" } : { priority: 1 };
  chosen.update(hosts(12, spec));
  assert.equal(picked(chosen), "5 6 7");
  // A sixth of the first priority is left, times 1.4.
  assert.equal(chosen.healths[0]?.healthy, 1);
  assert.equal(chosen.healths[0]?.total, 6);
});

test("where only those in use are checked, they alone say how a priority is", () => {
  const chosen = group({ part: { countsAll: false } });
  chosen.update(hosts(12, (rank) => (rank === 0 ? { health: "unhealthy" } : {})));
  assert.equal(chosen.healths[0]?.total, 5);
  assert.equal(chosen.healths[0]?.healthy, 4);
});

test("in a panic those that are out are used in proportion, and one that is well always", () => {
  const chosen = group({ panicThreshold: 0.5 });
  chosen.update(hosts(12, (rank) => (rank === 7 || rank === 9 ? {} : { health: "unhealthy" })));
  // Only two are well: everything is looked at.
  assert.equal(picked(chosen), "0 1 2 3 4 5 6 7 8 9 10 11");
  const many = group({ panicThreshold: 0.5 });
  many.update(hosts(40, (rank) => (rank % 4 === 0 ? {} : { health: "unhealthy" })));
  assert.equal(picked(many), Array.from({ length: 13 }, (_, rank) => rank).join(" "));
});

test("zones with weights divide the part, and requests by their weights", () => {
  const weighted: LocalityMode = { kind: "weighted" };
  const chosen = group({ locality: weighted });
  const spec = (rank: number): HostSpec =>
    rank < 10 ? { zone: "a", zoneWeight: 3 } : { zone: "b", zoneWeight: 1 };
  chosen.update(hosts(20, spec));
  assert.equal(picked(chosen), "0 1 2 10");
  const near = Array.from({ length: 400 }, () => chosen.pick()!).filter(({ key }) => key !== "10");
  assert.equal(near.length, 300);
});

test("where callers' zones count, each zone has a part by its number of endpoints", () => {
  const counts = new Map([
    ["/a/", 5],
    ["/b/", 5],
  ]);
  const chosen = group({
    locality: { kind: "zone-aware", settings: { ...ZONE_AWARE_DEFAULTS, clusterSizeMin: 1 } },
    localZones: () => ({ key: "/a/", counts, isInPanic: false }),
  });
  chosen.update(hosts(20, (rank) => ({ zone: rank % 2 === 0 ? "a" : "b" })));
  assert.equal(keysOf(chosen.inUse), "0 1 2 3");
  assert.equal(picked(chosen), "0 2", "a zone that has its share keeps its requests");
});

test("one whose first check is under way holds its place and gets nothing", () => {
  const chosen = group({ part: { isPending: ({ key }) => key === "2" } });
  chosen.update(hosts(12, (rank) => (rank === 2 ? { health: "unhealthy" } : {})));
  assert.equal(picked(chosen), "0 1 3");
});
