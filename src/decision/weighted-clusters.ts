/** Which cluster a request goes to: one, or one of several by weight. */
import type { WeightedCluster } from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileMutations, type HeaderMutations, NO_MUTATIONS } from "./header-mutation.ts";

export interface ClusterChoice {
  readonly cluster: string;
  /** Requests in `total` that take this choice. */
  readonly weight: number;
  readonly requestMutations: HeaderMutations;
  readonly responseMutations: HeaderMutations;
  readonly hostRewrite: string | undefined;
}

export interface ClusterSplit {
  readonly choices: readonly ClusterChoice[];
  readonly total: number;
  /** Header whose decimal value takes the place of chance, or "". For tests and replays. */
  readonly randomHeader: string;
}

export function singleCluster(cluster: string): ClusterSplit {
  const choice = {
    cluster,
    weight: 1,
    requestMutations: NO_MUTATIONS,
    responseMutations: NO_MUTATIONS,
    hostRewrite: undefined,
  };
  return { choices: [choice], total: 1, randomHeader: "" };
}

export function compileWeightedClusters(
  weighted: WeightedCluster,
  path: string,
  errors: FieldError[],
): ClusterSplit {
  const choices = weighted.clusters.map((cluster, index): ClusterChoice => {
    const at = `${path}.clusters[${index}]`;
    if (cluster.name === "")
      errors.push({ path: `${at}.name`, message: "a cluster name is required" });
    const { requestHeadersToAdd, requestHeadersToRemove, responseHeadersToAdd } = cluster;
    return {
      cluster: cluster.name,
      weight: cluster.weight ?? 0,
      requestMutations: compileMutations(
        requestHeadersToAdd,
        requestHeadersToRemove,
        at,
        "request",
        errors,
      ),
      responseMutations: compileMutations(
        responseHeadersToAdd,
        cluster.responseHeadersToRemove,
        at,
        "response",
        errors,
      ),
      hostRewrite:
        cluster.hostRewriteSpecifier.case === "hostRewriteLiteral"
          ? cluster.hostRewriteSpecifier.value
          : undefined,
    };
  });
  const total = choices.reduce((sum, choice) => sum + choice.weight, 0);
  if (total === 0) errors.push({ path, message: "the weights add up to 0" });
  const specifier = weighted.randomValueSpecifier;
  return {
    choices,
    total,
    randomHeader: specifier.case === "headerName" ? specifier.value.toLowerCase() : "",
  };
}

/** The choice for a value from 0 to `total` - 1. */
export function choiceAt(split: ClusterSplit, value: number): ClusterChoice {
  const choices = split.choices;
  let rest = value;
  for (let i = 0; i < choices.length - 1; i++) {
    const choice = choices[i]!;
    if (rest < choice.weight) return choice;
    rest -= choice.weight;
  }
  return choices[choices.length - 1]!;
}
