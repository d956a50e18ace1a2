/** Who gets requests by priority, locality and zone, as health changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../../core/prng.ts";
import { HashBalancer } from "./hash-balancer.ts";
import { type Host, type HostLocality, UNKNOWN_LOCALITY } from "./host.ts";
import { HostGroup, type HostGroupOptions } from "./host-group.ts";
import type { HostHealth, PickKey } from "./load-balancer.ts";
import { createMaglev } from "./maglev.ts";
import { RoundRobin } from "./round-robin.ts";
import type { LocalZones } from "./zone-aware.ts";

const PICKS = 10_000;

interface HostSpec {
  readonly health?: HostHealth;
  readonly priority?: number;
  readonly weight?: number;
  readonly zone?: string;
  readonly zoneWeight?: number;
}

function host(key: string, spec: HostSpec = {}): Host {
  const { health = "healthy", priority = 0, weight = 1, zone = "", zoneWeight = 0 } = spec;
  const locality: HostLocality = { ...UNKNOWN_LOCALITY, key: `/${zone}/`, weight: zoneWeight };
  return {
    ...{ key, health, weightFactor: 1, activeRequests: 0, waitingCount: 0 },
    ...{ ewmaMs: 0, ewmaAtMs: 0, unreachableUntilMs: 0 },
    info: { weight, priority, locality, hostname: "", labels: undefined, isDraining: false },
  };
}

function group(more: Partial<HostGroupOptions<Host>> = {}): HostGroup<Host> {
  const inputs = { prng: new SeededPrng(5), nowMs: () => 0 };
  return new HostGroup<Host>({
    createBalancer: () => new RoundRobin<Host>(inputs),
    panicThreshold: 0.5,
    locality: { kind: "none" },
    localZones: () => undefined,
    prng: inputs.prng,
    ...more,
  });
}

/** Percent of the picks that each key got, rounded. */
function shares(
  chosen: HostGroup<Host>,
  keyOf: (index: number) => PickKey | undefined = () => undefined,
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < PICKS; i++) {
    const { key = "none" } = chosen.pick(keyOf(i)) ?? {};
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return Object.fromEntries(
    Object.entries(counts)
      .map(([key, count]): [string, number] => [key, Math.round((100 * count) / PICKS)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function assertNear(
  found: Readonly<Record<string, number>>,
  wanted: Readonly<Record<string, number>>,
): void {
  assert.deepEqual(Object.keys(found), Object.keys(wanted));
  for (const [key, percent] of Object.entries(wanted)) {
    assert.ok(Math.abs(found[key]! - percent) <= 2, `${JSON.stringify(found)}, not ${percent}`);
  }
}

test("the first priority serves alone while it can; then the next one takes what it lost", () => {
  const chosen = group();
  const priorities = (health: HostHealth): Host[] => [
    host("a", { health }),
    host("b"),
    host("c", { priority: 1 }),
  ];
  chosen.update(priorities("healthy"));
  assertNear(shares(chosen), { a: 50, b: 50 });
  chosen.update(priorities("unhealthy"));
  assertNear(shares(chosen), { b: 70, c: 30 });
});

test("degraded endpoints are asked for what healthy ones cannot take", () => {
  const chosen = group();
  chosen.update([host("a"), host("b", { health: "degraded" })]);
  assertNear(shares(chosen), { a: 70, b: 30 });
});

test("in a panic health is ignored; without panic there is nobody", () => {
  const hosts = [host("a", { health: "unhealthy" }), host("b", { health: "unhealthy" })];
  const panicking = group();
  panicking.update(hosts);
  assertNear(shares(panicking), { a: 50, b: 50 });
  const calm = group({ panicThreshold: 0 });
  calm.update(hosts);
  assertNear(shares(calm), { none: 100 });
  assert.deepEqual(calm.eligible, []);
});

test("without endpoints there is nothing to pick", () => {
  const chosen = group();
  assert.equal(chosen.pick(), undefined);
  chosen.update([]);
  assert.equal(chosen.pick(), undefined);
});

test("localities get their weights, and less when more of them is out than others can stand in for", () => {
  const chosen = group({ locality: { kind: "weighted" } });
  const near = { zone: "near", zoneWeight: 3 };
  const far = { zone: "far", zoneWeight: 1 };
  chosen.update([host("a", near), host("b", near), host("c", far)]);
  assertNear(shares(chosen), { a: 38, b: 38, c: 25 });
  // 1.4 times a half of 3 is 2.1: of 3.1 together.
  chosen.update([host("a", near), host("b", { ...near, health: "unhealthy" }), host("c", far)]);
  assertNear(shares(chosen), { a: 68, c: 32 });
  chosen.update([host("a", { zone: "near" }), host("c", far)]);
  assertNear(shares(chosen), { c: 100 });
});

test("hashing policies give localities their weights, too", () => {
  const inputs = { prng: new SeededPrng(5), nowMs: () => 0 };
  const createBalancer = (): HashBalancer<Host> =>
    new HashBalancer<Host>(inputs, {
      createTable: createMaglev(65_537),
      keyOf: ({ key }) => key,
      balancePercent: undefined,
      activeRequests: () => 0,
    });
  const chosen = group({ locality: { kind: "weighted" }, createBalancer });
  chosen.update([
    host("a", { zone: "near", zoneWeight: 3 }),
    host("b", { zone: "far", zoneWeight: 1 }),
  ]);
  const prng = new SeededPrng(1);
  const word = (): number => Math.floor(prng.next() * 0x1_0000_0000);
  const key = (): PickKey => ({ hasHash: true, hashHigh: word(), hashLow: word(), attempt: 0 });
  assertNear(shares(chosen, key), { a: 75, b: 25 });
  const same = { hasHash: true, hashHigh: 1, hashLow: 2, attempt: 0 };
  assert.equal(Object.keys(shares(chosen, () => same)).length, 1);
});

const zoned = (local: LocalZones, clusterSizeMin = 2): HostGroup<Host> =>
  group({
    locality: {
      kind: "zone-aware",
      settings: { fraction: 1, clusterSizeMin, failsInPanic: false },
    },
    localZones: () => local,
  });
const local = (counts: Readonly<Record<string, number>>, isInPanic = false): LocalZones => ({
  key: "/near/",
  counts: new Map(Object.entries(counts)),
  isInPanic,
});
const threeHosts = [
  host("a", { zone: "near" }),
  host("b", { zone: "far" }),
  host("c", { zone: "far" }),
];

test("a zone with as many upstreams as callers keeps its requests", () => {
  const chosen = zoned(local({ "/near/": 1, "/far/": 2 }));
  chosen.update(threeHosts);
  assertNear(shares(chosen), { a: 100 });
});

test("a zone with fewer sends what is too much to those with more", () => {
  // A third of the upstreams for a half of the callers: two thirds stay.
  const chosen = zoned(local({ "/near/": 2, "/far/": 2 }));
  chosen.update(threeHosts);
  assertNear(shares(chosen), { a: 67, b: 17, c: 17 });
});

test("zones do not count where there are few endpoints, callers elsewhere or in a panic", () => {
  const whole = { a: 33, b: 33, c: 33 };
  for (const chosen of [
    zoned(local({ "/near/": 1, "/far/": 1 }), 4),
    zoned(local({ "/other/": 1, "/far/": 1 })),
    zoned(local({ "/near/": 1, "/far/": 1 }, true)),
    group(),
  ]) {
    chosen.update(threeHosts);
    assertNear(shares(chosen), whole);
  }
});

test("a table is made anew only when its endpoints are others, or weigh something else", () => {
  let made = 0;
  const inputs = { prng: new SeededPrng(5), nowMs: () => 0 };
  const createTable = createMaglev(251);
  const createBalancer = (): HashBalancer<Host> =>
    new HashBalancer<Host>(inputs, {
      createTable: (keys, shares) => {
        made += 1;
        return createTable(keys, shares);
      },
      keyOf: ({ key }) => key,
      balancePercent: undefined,
      activeRequests: () => 0,
    });
  const chosen = group({ createBalancer });
  const [a, b, c] = [host("a"), host("b"), host("c", { priority: 1 })];
  chosen.update([a, b, c]);
  chosen.update([a, b, c]);
  assert.equal(made, 1);
  chosen.update([a, c]);
  assert.equal(made, 2);
  chosen.update([host("a"), c]);
  assert.equal(made, 3);
  assert.equal(chosen.pick()?.key, "a");
});
