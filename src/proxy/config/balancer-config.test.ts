/** Load balancing of a Cluster message: the older fields and the policies that replace them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { compileAggregate } from "./aggregate-config.ts";
import { type BalancerConfig, compileBalancer } from "./balancer-config.ts";
import { messageRegistry } from "./message-registry.ts";

const LB = "type.googleapis.com/envoy.extensions.load_balancing_policies";

function compile(json: JsonObject): {
  readonly config: BalancerConfig;
  readonly errors: readonly string[];
} {
  const errors: FieldError[] = [];
  const cluster = fromJson(ClusterSchema, { name: "c", ...json }, { registry: messageRegistry });
  const config = compileBalancer(cluster, errors);
  compileAggregate(cluster, errors);
  return { config, errors: errors.map(({ path, message }) => `${path}: ${message}`) };
}

function compiled(json: JsonObject): BalancerConfig {
  const { config, errors } = compile(json);
  assert.deepEqual(errors, []);
  return config;
}

function errorsOf(json: JsonObject): readonly string[] {
  return compile(json).errors;
}

function list(...configs: readonly JsonObject[]): JsonObject {
  return {
    policies: configs.map((typed_config) => ({
      typed_extension_config: { name: "p", typed_config },
    })),
  };
}

function policies(...configs: readonly JsonObject[]): JsonObject {
  return { load_balancing_policy: list(...configs) };
}

const PEAK_EWMA = {
  "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
  type_url: `${LB}.peak_ewma.v3alpha.PeakEwma`,
};
const ROUND_ROBIN = { "@type": `${LB}.round_robin.v3.RoundRobin` };
const LEAST_REQUEST = { "@type": `${LB}.least_request.v3.LeastRequest` };
const RANDOM = { "@type": `${LB}.random.v3.Random` };
const RING = { "@type": `${LB}.ring_hash.v3.RingHash` };
const MAGLEV = { "@type": `${LB}.maglev.v3.Maglev` };
const UNKNOWN = { "@type": PEAK_EWMA["@type"], type_url: "type.googleapis.com/a.B" };
const AT = "load_balancing_policy.policies[0].typed_extension_config.typed_config";

const PART_TYPE = `${LB}.random_subsetting.v3.RandomSubsetting`;

/** RandomSubsetting as its message, and in the form that passes through an Envoy. */
function partForms(fields: JsonObject): readonly JsonObject[] {
  return [
    { "@type": PART_TYPE, ...fields },
    { "@type": PEAK_EWMA["@type"], type_url: PART_TYPE, value: fields },
  ];
}

test("a part of the endpoints: the size, and what chooses among them", () => {
  for (const part of partForms({ subset_size: 4, child_policy: list(PEAK_EWMA, LEAST_REQUEST) })) {
    const { policy, subsetSize } = compiled(policies(part, ROUND_ROBIN));
    assert.deepEqual({ policy: policy.kind, subsetSize }, { policy: "peak-ewma", subsetSize: 4 });
    const labelled = {
      "@type": `${LB}.subset.v3.Subset`,
      subset_selectors: [{ keys: ["version"] }],
      subset_lb_policy: list(part),
    };
    assert.equal(compiled(policies(labelled)).subsetSize, 4);
    const zones = {
      "@type": `${LB}.wrr_locality.v3.WrrLocality`,
      endpoint_picking_policy: list(part),
    };
    assert.equal(compiled(policies(zones)).subsetSize, 4);
    assert.equal(compiled(policies(zones)).locality.kind, "weighted");
    const outer = { "@type": PART_TYPE, subset_size: 9, child_policy: list(part) };
    assert.equal(compiled(policies(outer)).subsetSize, 4);
  }
  assert.equal(compiled(policies(ROUND_ROBIN)).subsetSize, undefined);
  assert.equal(compiled({ lb_policy: "RANDOM" }).subsetSize, undefined);
});

test("a part of the endpoints that makes no sense is refused by path", () => {
  const [message = {}, struct = {}] = partForms({ subset_size: 0, child_policy: list(RANDOM) });
  assert.deepEqual(errorsOf(policies(message)), [`${AT}.subset_size: must be above 0`]);
  assert.deepEqual(errorsOf(policies(struct)), [`${AT}.value.subset_size: must be above 0`]);
  const [childless = {}] = partForms({ subset_size: 1 });
  assert.match(
    errorsOf(policies(childless)).join(),
    /child_policy\.policies: none of the policies/,
  );
  const labels = { "@type": `${LB}.subset.v3.Subset`, subset_lb_policy: list(RANDOM) };
  const [outside = {}] = partForms({ subset_size: 1, child_policy: list(labels) });
  assert.match(errorsOf(policies(outside)).join(), /child_policy: Subset cannot stand here/);
  const [, unknown = {}] = partForms({ subset_size: 1, size: 2, child_policy: list(RANDOM) });
  assert.match(errorsOf(policies(unknown, RANDOM)).join(), /\.value: .*size/);
});

test("the first policy that is known is taken, whatever stands around it", () => {
  const of = (...configs: readonly JsonObject[]): string =>
    compiled(policies(...configs)).policy.kind;
  assert.equal(of(PEAK_EWMA, LEAST_REQUEST), "peak-ewma");
  assert.equal(of(UNKNOWN, RANDOM, ROUND_ROBIN), "random");
  assert.equal(of(ROUND_ROBIN), "round-robin");
  assert.equal(of(RING), "ring-hash");
  assert.equal(of(MAGLEV), "maglev");
  const both = { lb_policy: "RANDOM", ...policies(ROUND_ROBIN) };
  assert.equal(compiled(both).policy.kind, "round-robin");
  for (const json of [policies(UNKNOWN), policies()]) {
    const [first = ""] = errorsOf(json);
    assert.match(first, /^load_balancing_policy\.policies: none of the policies is implemented; /);
  }
});

test("the older fields say the same", () => {
  assert.deepEqual(compiled({}).policy, { kind: "round-robin" });
  assert.deepEqual(compiled({ lb_policy: "RANDOM" }).policy, { kind: "random" });
  const least = { choice_count: 4, active_request_bias: { default_value: 0.5, runtime_key: "b" } };
  assert.deepEqual(compiled({ lb_policy: "LEAST_REQUEST" }).policy, {
    ...{ kind: "least-request", choices: 2, bias: 1 },
  });
  const leastPolicy = { kind: "least-request", choices: 4, bias: 0.5 };
  assert.deepEqual(
    compiled({ lb_policy: "LEAST_REQUEST", least_request_lb_config: least }).policy,
    leastPolicy,
  );
  assert.deepEqual(compiled(policies({ ...LEAST_REQUEST, ...least })).policy, leastPolicy);
  const hashing = { usesHostname: true, balancePercent: 150 };
  const common = {
    consistent_hashing_lb_config: { use_hostname_for_hashing: true, hash_balance_factor: 150 },
  };
  const ring = { minimum_ring_size: 10, maximum_ring_size: 20, hash_function: "MURMUR_HASH_2" };
  const ringPolicy = {
    kind: "ring-hash",
    ring: { sizeMin: 10, sizeMax: 20, hashFunction: "murmur2" },
    hashing,
  };
  const olderRing = { lb_policy: "RING_HASH", ring_hash_lb_config: ring, common_lb_config: common };
  assert.deepEqual(compiled(olderRing).policy, ringPolicy);
  assert.deepEqual(compiled(policies({ ...RING, ...ring, ...common })).policy, ringPolicy);
  const table = { kind: "maglev", tableSize: 251, hashing };
  const maglev = { table_size: 251 };
  const olderTable = { lb_policy: "MAGLEV", maglev_lb_config: maglev, common_lb_config: common };
  assert.deepEqual(compiled(olderTable).policy, table);
  assert.deepEqual(compiled(policies({ ...MAGLEV, ...maglev, ...common })).policy, table);
});

test("hashing policies have Envoy's defaults", () => {
  const hashing = { usesHostname: false, balancePercent: undefined };
  assert.deepEqual(compiled(policies(RING)).policy, {
    kind: "ring-hash",
    ring: { sizeMin: 1_024, sizeMax: 8_388_608, hashFunction: "xxhash" },
    hashing,
  });
  assert.deepEqual(compiled({ lb_policy: "MAGLEV" }).policy, {
    kind: "maglev",
    tableSize: 65_537,
    hashing,
  });
});

test("localities: by weight, by zone, or not at all", () => {
  const weighted = { locality_weighted_lb_config: {} };
  const zones = {
    routing_enabled: { value: 50 },
    min_cluster_size: "3",
    fail_traffic_on_panic: true,
  };
  const zoneAware = {
    kind: "zone-aware",
    settings: { fraction: 0.5, clusterSizeMin: 3, failsInPanic: true },
  };
  for (const json of [
    { common_lb_config: weighted },
    policies({ ...ROUND_ROBIN, locality_lb_config: weighted }),
    policies({ ...PEAK_EWMA, value: { locality_lb_config: weighted } }),
    policies({ ...RING, ...weighted }),
    policies({
      "@type": `${LB}.wrr_locality.v3.WrrLocality`,
      endpoint_picking_policy: list(RANDOM),
    }),
  ]) {
    assert.deepEqual(compiled(json).locality, { kind: "weighted" });
  }
  for (const json of [
    { common_lb_config: { zone_aware_lb_config: zones } },
    policies({ ...LEAST_REQUEST, locality_lb_config: { zone_aware_lb_config: zones } }),
  ]) {
    assert.deepEqual(compiled(json).locality, zoneAware);
  }
  assert.deepEqual(compiled(policies(MAGLEV)).locality, { kind: "none" });
  assert.deepEqual(compiled({ lb_policy: "RING_HASH" }).locality, { kind: "none" });
});

test("subsets, of the policy and of the older field", () => {
  const subsets = {
    fallback_policy: "DEFAULT_SUBSET",
    default_subset: { version: "1" },
    subset_selectors: [
      {
        keys: ["version", "stage"],
        fallback_policy: "KEYS_SUBSET",
        fallback_keys_subset: ["version"],
      },
      { keys: ["version"] },
    ],
    list_as_any: true,
  };
  const wanted = {
    selectors: [
      { names: ["stage", "version"], fallback: "names", fallbackNames: ["version"] },
      { names: ["version"], fallback: "inherit", fallbackNames: [] },
    ],
    fallback: "default",
    defaultSubset: { names: ["version"], values: ['"1"'] },
    listAsAny: true,
    panicModeAny: false,
    isLocalityWeightAware: false,
  };
  assert.deepEqual(compiled({ lb_subset_config: subsets }).subsets, wanted);
  const typed = { "@type": `${LB}.subset.v3.Subset`, ...subsets, subset_lb_policy: list(RANDOM) };
  const config = compiled(policies(typed));
  assert.deepEqual(config.subsets, wanted);
  assert.equal(config.policy.kind, "random");
});

test("which endpoints keep their sessions", () => {
  const of = (...statuses: readonly string[]) =>
    compiled({ common_lb_config: { override_host_status: { statuses: [...statuses] } } }).override;
  const none = { healthy: false, degraded: false, draining: false, unhealthy: false };
  assert.deepEqual(compiled({}).override, { ...none, healthy: true, degraded: true });
  assert.deepEqual(of("HEALTHY", "DRAINING"), { ...none, healthy: true, draining: true });
  assert.deepEqual(of("TIMEOUT"), { ...none, unhealthy: true });
  assert.deepEqual(of(), none);
});

test("what would have no effect or cannot be meant is refused at its path", () => {
  const cases: readonly (readonly [JsonObject, readonly string[]])[] = [
    [
      policies({ ...PEAK_EWMA, value: { decay_time: "5s" } }),
      [`${AT}.value.decay_time: not implemented by this proxy`],
    ],
    [policies({ ...LEAST_REQUEST, choice_count: 1 }), [`${AT}.choice_count: 2 is the least`]],
    [
      policies({ ...MAGLEV, table_size: 100 }),
      [`${AT}.table_size: 100 is not a prime number up to 5000011`],
    ],
    [
      policies({ ...RING, minimum_ring_size: 20, maximum_ring_size: 10 }),
      [`${AT}.minimum_ring_size: 20 is not from 1 to maximum_ring_size, 10`],
    ],
    [
      policies({ ...RING, hash_balance_factor: 99 }),
      [`${AT}.hash_balance_factor: 100 is the least`],
    ],
    [
      { ...policies(RANDOM), lb_subset_config: {} },
      [
        "lb_subset_config: cannot stand beside load_balancing_policy: its policies have the same settings",
      ],
    ],
    [
      { lb_subset_config: { subset_selectors: [{ keys: ["a"], fallback_policy: "KEYS_SUBSET" }] } },
      [
        "lb_subset_config.subset_selectors[0].fallback_keys_subset: KEYS_SUBSET needs some of the selector's keys, and not all of them",
      ],
    ],
    [
      { lb_policy: "CLUSTER_PROVIDED" },
      ["lb_policy: CLUSTER_PROVIDED is for clusters with cluster_type"],
    ],
    [
      { common_lb_config: { zone_aware_lb_config: { routing_enabled: { value: 101 } } } },
      ["common_lb_config.zone_aware_lb_config.routing_enabled.value: 101 is not from 0 to 100"],
    ],
  ];
  for (const [json, errors] of cases) assert.deepEqual(errorsOf(json), errors);
});

test("an aggregate names its clusters, and leaves the choice to itself", () => {
  const type = (clusters: readonly string[]): JsonObject => ({
    cluster_type: {
      name: "envoy.clusters.aggregate",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
        clusters: [...clusters],
      },
    },
  });
  assert.deepEqual(errorsOf({ ...type(["a", "b"]), lb_policy: "CLUSTER_PROVIDED" }), []);
  assert.deepEqual(errorsOf(type([])), [
    "cluster_type.typed_config.clusters: at least one cluster is required",
    "lb_policy: of an aggregate cluster must be CLUSTER_PROVIDED",
  ]);
  assert.deepEqual(errorsOf({ cluster_type: { name: "x" } }), [
    "cluster_type.typed_config: only envoy.extensions.clusters.aggregate is implemented",
  ]);
});
