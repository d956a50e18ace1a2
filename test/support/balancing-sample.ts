/** Load balancing in the sample bootstrap file: policies, localities, subsets, hashes and sessions. */
import type { JsonObject } from "@bufbuild/protobuf";
import { LB, socketAddress, TYPE } from "./sample-parts.ts";

const PERCENT = { value: 50 };
const ZONE_AWARE = { routing_enabled: PERCENT, min_cluster_size: 3, fail_traffic_on_panic: true };
const BY_ZONE = { zone_aware_lb_config: ZONE_AWARE };
const BY_WEIGHT = { locality_weighted_lb_config: {} };
const HASHING = { use_hostname_for_hashing: true, hash_balance_factor: 150 };
const SUBSETS: JsonObject = {
  fallback_policy: "DEFAULT_SUBSET",
  default_subset: { version: "1" },
  subset_selectors: [
    {
      keys: ["version", "stage"],
      fallback_policy: "KEYS_SUBSET",
      fallback_keys_subset: ["version"],
    },
  ],
  locality_weight_aware: true,
  panic_mode_any: true,
  list_as_any: true,
};

function policies(...configs: readonly JsonObject[]): JsonObject {
  return {
    policies: configs.map((typed_config) => ({
      typed_extension_config: { name: "policy", typed_config },
    })),
  };
}

const ROUND_ROBIN: JsonObject = {
  "@type": `${LB}.round_robin.v3.RoundRobin`,
  locality_lb_config: BY_WEIGHT,
};
const RING: JsonObject = {
  "@type": `${LB}.ring_hash.v3.RingHash`,
  hash_function: "MURMUR_HASH_2",
  minimum_ring_size: 10,
  maximum_ring_size: 100,
  use_hostname_for_hashing: true,
  hash_balance_factor: 150,
};

function cluster(name: string, fields: JsonObject): JsonObject {
  return { name, type: "STATIC", ...fields };
}

export const BALANCING_CLUSTERS: readonly JsonObject[] = [
  cluster("balanced-round-robin", { load_balancing_policy: policies(ROUND_ROBIN) }),
  cluster("balanced-least-request", {
    load_balancing_policy: policies({
      "@type": `${LB}.least_request.v3.LeastRequest`,
      choice_count: 3,
      active_request_bias: { default_value: 0.5, runtime_key: "bias" },
      locality_lb_config: BY_ZONE,
    }),
  }),
  cluster("balanced-random", {
    load_balancing_policy: policies({
      "@type": `${LB}.random.v3.Random`,
      locality_lb_config: BY_ZONE,
    }),
  }),
  cluster("balanced-ring", { load_balancing_policy: policies({ ...RING, ...BY_WEIGHT }) }),
  cluster("balanced-maglev", {
    load_balancing_policy: policies({
      "@type": `${LB}.maglev.v3.Maglev`,
      table_size: 251,
      consistent_hashing_lb_config: HASHING,
      ...BY_WEIGHT,
    }),
  }),
  cluster("balanced-ring-hashing", {
    load_balancing_policy: policies({
      "@type": `${LB}.ring_hash.v3.RingHash`,
      consistent_hashing_lb_config: HASHING,
    }),
  }),
  cluster("balanced-localities", {
    load_balancing_policy: policies({
      "@type": `${LB}.wrr_locality.v3.WrrLocality`,
      endpoint_picking_policy: policies(ROUND_ROBIN),
    }),
  }),
  cluster("balanced-subset", {
    load_balancing_policy: policies({
      "@type": `${LB}.subset.v3.Subset`,
      ...SUBSETS,
      subset_lb_policy: policies(ROUND_ROBIN),
    }),
  }),
  cluster("balanced-part", {
    load_balancing_policy: policies({
      "@type": `${LB}.random_subsetting.v3.RandomSubsetting`,
      subset_size: 4,
      child_policy: policies(ROUND_ROBIN),
    }),
  }),
  cluster("ring", {
    lb_policy: "RING_HASH",
    ring_hash_lb_config: {
      minimum_ring_size: 10,
      maximum_ring_size: 100,
      hash_function: "MURMUR_HASH_2",
    },
    common_lb_config: {
      ...BY_WEIGHT,
      consistent_hashing_lb_config: HASHING,
      override_host_status: { statuses: ["HEALTHY", "DRAINING"] },
    },
    load_assignment: {
      cluster_name: "ring",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(8_081) } }] }],
      policy: { overprovisioning_factor: 200, weighted_priority_health: true },
    },
  }),
  cluster("maglev", { lb_policy: "MAGLEV", maglev_lb_config: { table_size: 251 } }),
  cluster("subsets", { lb_subset_config: SUBSETS, common_lb_config: BY_ZONE }),
  cluster("least", {
    lb_policy: "LEAST_REQUEST",
    least_request_lb_config: {
      choice_count: 4,
      active_request_bias: { default_value: 1, runtime_key: "bias" },
    },
  }),
  {
    name: "aggregate",
    lb_policy: "CLUSTER_PROVIDED",
    cluster_type: {
      name: "envoy.clusters.aggregate",
      typed_config: {
        "@type": `${TYPE}.extensions.clusters.aggregate.v3.ClusterConfig`,
        clusters: ["ring", "maglev"],
      },
    },
  },
];

const REWRITE = { pattern: { regex: "-.*" }, substitution: "" };

/** Of a route: what it hashes, and which subset it is for. */
export const HASHED_ROUTE: JsonObject = {
  hash_policy: [
    { header: { header_name: "x-user", regex_rewrite: REWRITE }, terminal: true },
    {
      cookie: {
        name: "sid",
        ttl: "60s",
        path: "/",
        attributes: [{ name: "SameSite", value: "Strict" }],
      },
    },
    { connection_properties: { source_ip: true } },
    { query_parameter: { name: "user" } },
  ],
  metadata_match: { filter_metadata: { "envoy.lb": { version: "1" } } },
};
export const SUBSET_OF_CHOICE: JsonObject = {
  metadata_match: { filter_metadata: { "envoy.lb": { stage: "dev" } } },
};

const SESSION = `${TYPE}.extensions.filters.http.stateful_session.v3`;
const STATE = `${TYPE}.extensions.http.stateful_session`;

export const SESSION_FILTER: JsonObject = {
  name: "envoy.filters.http.stateful_session",
  disabled: true,
  typed_config: {
    "@type": `${SESSION}.StatefulSession`,
    session_state: {
      name: "envoy.http.stateful_session.cookie",
      typed_config: {
        "@type": `${STATE}.cookie.v3.CookieBasedSessionState`,
        cookie: { name: "session", ttl: "60s", path: "/" },
      },
    },
    strict: true,
  },
};

/** What routes say to sessions. */
export const SESSION_OF_ROUTE: JsonObject = {
  "@type": `${SESSION}.StatefulSessionPerRoute`,
  stateful_session: {
    session_state: {
      name: "envoy.http.stateful_session.header",
      typed_config: { "@type": `${STATE}.header.v3.HeaderBasedSessionState`, name: "x-session" },
    },
  },
};
export const NO_SESSION: JsonObject = {
  "@type": `${SESSION}.StatefulSessionPerRoute`,
  disabled: true,
};
