/** Subsets by label, and what serves when one is empty. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { SeededPrng } from "../../core/prng.ts";
import { subsetCriteria } from "../../decision/subset-criteria.ts";
import { type Host, UNKNOWN_LOCALITY } from "./host.ts";
import { HostGroup, type HostGroupOptions } from "./host-group.ts";
import { RoundRobin } from "./round-robin.ts";
import { type SubsetSettings, Subsets } from "./subsets.ts";

function host(key: string, labels?: JsonObject): Host {
  return {
    ...{ key, health: "healthy", weightFactor: 1, activeRequests: 0, waitingCount: 0 },
    ...{ ewmaMs: 0, ewmaAtMs: 0, unreachableUntilMs: 0 },
    info: {
      ...{ weight: 1, priority: 0, locality: UNKNOWN_LOCALITY, hostname: "", isDraining: false },
      labels,
    },
  };
}

const HOSTS = [
  host("a", { version: "1", stage: "prod" }),
  host("b", { version: "1", stage: "dev" }),
  host("c", { version: "2", stage: "prod" }),
  host("d", { version: ["2", "3"] }),
  host("e"),
];

/** The keys that requests for these labels go to, or undefined when nobody may serve them. */
function asker(settings: Partial<SubsetSettings>, hosts: readonly Host[] = HOSTS) {
  const inputs = { prng: new SeededPrng(1), nowMs: () => 0 };
  const options: HostGroupOptions<Host> = {
    createBalancer: () => new RoundRobin<Host>(inputs),
    panicThreshold: 0.5,
    locality: { kind: "none" },
    localZones: () => undefined,
    prng: inputs.prng,
  };
  const whole = new HostGroup<Host>(options);
  whole.update(hosts);
  const version = { names: ["version"], fallback: "inherit", fallbackNames: [] } as const;
  const subsets = new Subsets<Host>(
    {
      ...{ selectors: [version], fallback: "none", defaultSubset: undefined },
      ...{ listAsAny: false, panicModeAny: false, isLocalityWeightAware: false },
      ...settings,
    },
    options,
    whole,
  );
  subsets.update(hosts);
  const ask = (labels: JsonObject | undefined): string | undefined => {
    const criteria = labels === undefined ? undefined : subsetCriteria(labels);
    const group = subsets.groupFor(criteria);
    return group?.eligible.map(({ key }) => key).join("");
  };
  return { ask, subsets };
}

test("a request goes to the endpoints with all of its labels, where a selector has just these", () => {
  const both = { names: ["stage", "version"], fallback: "inherit", fallbackNames: [] } as const;
  const version = { names: ["version"], fallback: "inherit", fallbackNames: [] } as const;
  const { ask } = asker({ selectors: [version, both] });
  assert.equal(ask({ version: "1" }), "ab");
  assert.equal(ask({ version: "1", stage: "prod" }), "a");
  assert.equal(ask({ version: "9" }), undefined);
  assert.equal(ask({ stage: "prod" }), undefined, "no selector has this label alone");
  assert.equal(ask(undefined), undefined);
  assert.equal(ask({ version: 1 }), undefined, "a number is no text");
});

test("fallbacks: everything, the default subset, or nobody", () => {
  assert.equal(asker({ fallback: "any" }).ask({ version: "9" }), "abcde");
  assert.equal(asker({ fallback: "any" }).ask(undefined), "abcde");
  const defaultSubset = subsetCriteria({ stage: "dev" });
  const { ask } = asker({ fallback: "default", defaultSubset });
  assert.equal(ask({ version: "9" }), "b");
  assert.equal(ask({ version: "2" }), "c");
  assert.equal(asker({ panicModeAny: true }).ask({ version: "9" }), "abcde");
});

test("a selector may fall back otherwise than its cluster, to fewer labels for one", () => {
  const version = { names: ["version"], fallback: "any", fallbackNames: [] } as const;
  const both = {
    names: ["stage", "version"],
    fallback: "names",
    fallbackNames: ["version"],
  } as const;
  const { ask } = asker({ selectors: [both, version] });
  assert.equal(ask({ version: "2", stage: "dev" }), "c", "without the stage there is one");
  assert.equal(ask({ version: "9", stage: "dev" }), "abcde");
});

test("an endpoint with a list of values is in each of their subsets, when asked for", () => {
  assert.equal(asker({ listAsAny: true }).ask({ version: "3" }), "d");
  assert.equal(asker({ listAsAny: true }).ask({ version: "2" }), "cd");
  assert.equal(asker({}).ask({ version: "3" }), undefined);
});

test("subsets follow the endpoints", () => {
  const { ask, subsets } = asker({});
  const criteria = { version: "1" };
  assert.equal(ask(criteria), "ab");
  subsets.update(HOSTS.slice(1));
  assert.equal(ask(criteria), "b");
  subsets.update([]);
  assert.equal(ask(criteria), undefined);
  subsets.update(HOSTS);
  assert.equal(ask(criteria), "ab");
});
