/**
 * Which of a cluster's endpoints the caller uses, where it uses a part of them: by the same ranking as in its proxy, with
 * the health that the control plane knows.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  endpointRank,
  endpointsInUse,
  type SubsetView,
  subsetSeedOf,
} from "../../decision/load-balancing/endpoint-subset.ts";
import { matchesSubset, subsetCriteria } from "../../decision/subset-criteria.ts";
import type { Cluster, LoadBalancingPolicy } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { LbEndpoint } from "../../gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import { RandomSubsettingSchema } from "../../gen/envoy/extensions/load_balancing_policies/random_subsetting/v3/random_subsetting_pb.js";
import {
  type Subset,
  SubsetSchema,
} from "../../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";

export interface ExplainedSubsetting {
  /** Endpoints that a caller uses in each priority. */
  readonly size: number;
  readonly areZonesWeighted: boolean;
  /** The policy that chooses among them, by name. */
  readonly child: string;
  readonly labels: Subset["defaultSubset"];
}

/** An endpoint with what the choice looks at. */
export interface SubsetCandidate {
  readonly address: string;
  readonly priority: number;
  readonly zone: string;
  readonly zoneWeight: number;
  readonly isHealthy: boolean;
  readonly endpoint: LbEndpoint;
}

const VIEW: SubsetView<SubsetCandidate> = {
  stateOf: ({ isHealthy }) => (isHealthy ? "serves" : "out"),
  priorityOf: ({ priority }) => priority,
  zoneOf: ({ zone }) => zone,
  zoneWeightOf: ({ zoneWeight }) => zoneWeight,
};

/** Undefined where callers use all endpoints. */
export function subsettingOf(cluster: Cluster): ExplainedSubsetting | undefined {
  const first = firstOf(cluster.loadBalancingPolicy);
  if (first === undefined) return undefined;
  const byLabels = anyUnpack(first, SubsetSchema);
  const inner = byLabels === undefined ? first : firstOf(byLabels.subsetLbPolicy);
  const struct = inner === undefined ? undefined : anyUnpack(inner, TypedStructSchema);
  if (!struct?.typeUrl.endsWith(`/${RandomSubsettingSchema.typeName}`)) return undefined;
  const size = valueAt(struct.value, "subset_size");
  const child = valueAt(struct.value, "child_policy", "policies", "0", "typed_extension_config");
  if (typeof size !== "number") return undefined;
  const config = valueAt(child, "typed_config");
  const locality = ["locality_lb_config", "locality_weighted_lb_config"];
  const weighted = valueAt(config, ...locality) ?? valueAt(config, "value", ...locality);
  const name = valueAt(child, "name");
  return {
    size,
    areZonesWeighted: weighted !== undefined,
    child: typeof name === "string" ? name : "",
    labels: byLabels?.defaultSubset,
  };
}

/** Its members, and those that would be if they were well. `caller`: the node id of its proxy. */
export function candidatesInUse(
  candidates: readonly SubsetCandidate[],
  { size, areZonesWeighted, labels }: ExplainedSubsetting,
  caller: string,
): ReadonlySet<SubsetCandidate> {
  const rank = endpointRank(subsetSeedOf(caller));
  const ranked = withLabels(candidates, labels)
    .map((candidate) => ({ candidate, rank: rank(candidate.address) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ candidate }) => candidate);
  const zones = areZonesWeighted ? "weighted" : "ignored";
  return endpointsInUse(ranked, { size, zones }, VIEW);
}

function withLabels(
  candidates: readonly SubsetCandidate[],
  labels: Subset["defaultSubset"],
): readonly SubsetCandidate[] {
  const criteria = labels === undefined ? undefined : subsetCriteria(labels);
  if (criteria === undefined) return candidates;
  const labelled = candidates.filter(({ endpoint }) =>
    matchesSubset(endpoint.metadata?.filterMetadata["envoy.lb"] ?? {}, criteria),
  );
  // Without any, the fallback decides: others may serve, or the request fails before it matters who.
  return labelled.length === 0 ? candidates : labelled;
}

function firstOf(list: LoadBalancingPolicy | undefined) {
  return list?.policies[0]?.typedExtensionConfig?.typedConfig;
}

function valueAt(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Readonly<Record<string, JsonValue>>)[key];
  }
  return current;
}
