/** Which cluster a request goes to: one, or one of several by weight. */
import type {
  WeightedCluster,
  WeightedCluster_ClusterWeight,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "./field-error.ts";
import { compileMutations, type MessageMutations, NO_MUTATIONS } from "./header-mutation.ts";
import { compileHostRewrite } from "./host-rewrite.ts";
import { compileSubsetCriteria, type SubsetCriteria } from "./subset-criteria.ts";

export interface ClusterChoice extends MessageMutations {
  readonly cluster: string;
  /** Requests in `total` that take this choice. */
  readonly weight: number;
  readonly hostRewrite: string | undefined;
  /** The labels that endpoints must have, the route's included. */
  readonly subset: SubsetCriteria | undefined;
}

export interface ClusterSplit {
  readonly choices: readonly ClusterChoice[];
  readonly total: number;
  /** Header whose decimal value takes the place of chance, or "". For tests and replays. */
  readonly randomHeader: string;
  /** The hash of the route's hash_policy takes the place of chance, where a request has one. */
  readonly isByHash: boolean;
}

/** The sum of weights has 32 bits, in Envoy too. */
const TOTAL_MAX = 0xffff_ffff;

export function singleCluster(cluster: string, subset?: SubsetCriteria): ClusterSplit {
  const choice = {
    cluster,
    weight: 1,
    requestMutations: NO_MUTATIONS,
    responseMutations: NO_MUTATIONS,
    hostRewrite: undefined,
    subset,
  };
  return { choices: [choice], total: 1, randomHeader: "", isByHash: false };
}

export function compileWeightedClusters(
  weighted: WeightedCluster,
  path: string,
  errors: FieldError[],
  subset?: SubsetCriteria,
): ClusterSplit {
  const choices = weighted.clusters.map((cluster, index) =>
    compileChoice(cluster, subset, `${path}.clusters[${index}]`, errors),
  );
  const total = choices.reduce((sum, choice) => sum + choice.weight, 0);
  if (total === 0) errors.push({ path, message: "the weights add up to 0" });
  if (total > TOTAL_MAX) {
    errors.push({ path, message: `the weights add up to ${total}, ${TOTAL_MAX} is the most` });
  }
  const specifier = weighted.randomValueSpecifier;
  return {
    choices,
    total,
    randomHeader: specifier.case === "headerName" ? specifier.value.toLowerCase() : "",
    isByHash: specifier.case === "useHashPolicy" && specifier.value.value,
  };
}

function compileChoice(
  cluster: WeightedCluster_ClusterWeight,
  subset: SubsetCriteria | undefined,
  path: string,
  errors: FieldError[],
): ClusterChoice {
  if (cluster.name === "") {
    errors.push({ path: `${path}.name`, message: "a cluster name is required" });
  }
  if (cluster.weight === undefined) {
    errors.push({ path: `${path}.weight`, message: "a weight is required; 0 is one" });
  }
  const host = cluster.hostRewriteSpecifier;
  return {
    cluster: cluster.name,
    weight: cluster.weight ?? 0,
    subset: compileSubsetCriteria(cluster.metadataMatch, subset),
    ...compileMutations(cluster, path, errors),
    hostRewrite: compileHostRewrite(
      host.case === "hostRewriteLiteral" ? host.value : "",
      `${path}.host_rewrite_literal`,
      errors,
    ),
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

/** What a hash of 64 bits, in two unsigned halves, leaves when it is divided by `total`. Exact: 16 bits at a time. */
export function hashRemainder(high: number, low: number, total: number): number {
  let rest = (high >>> 16) % total;
  rest = (rest * 0x1_0000 + (high & 0xffff)) % total;
  rest = (rest * 0x1_0000 + (low >>> 16)) % total;
  return (rest * 0x1_0000 + (low & 0xffff)) % total;
}

const DIGIT_0 = 0x30;
/** Decimal digits of 2^64 - 1; a number that is longer is no random value. */
const UINT64_DIGITS = 20;
const UINT64_MAX = "18446744073709551615";

/**
 * What the value of a split's random header leaves when it is divided by `total`, or undefined when it is
 * not a decimal number of 64 bits: then chance decides, as in Envoy. Exact for all of them.
 */
export function remainderOf(value: string, total: number): number | undefined {
  let rest = 0;
  let first = value.charCodeAt(0) === 0x2b ? 1 : 0;
  if (value.length === first) return undefined;
  while (first < value.length - 1 && value.charCodeAt(first) === DIGIT_0) first += 1;
  const digits = value.length - first;
  if (digits > UINT64_DIGITS) return undefined;
  for (let i = first; i < value.length; i++) {
    const digit = value.charCodeAt(i) - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    rest = (rest * 10 + digit) % total;
  }
  if (digits === UINT64_DIGITS && value.slice(first) > UINT64_MAX) return undefined;
  return rest;
}
