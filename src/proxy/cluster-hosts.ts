/** Makes what chooses among a cluster's endpoints, from its compiled configuration. */
import { assertNever } from "../core/assert.ts";
import { wireText } from "../core/wire-text.ts";
import type { EndpointRank } from "../decision/load-balancing/endpoint-subset.ts";
import type { BalancerConfig } from "./config/balancer-config.ts";
import type { BalancerPolicy, HashingSettings } from "./config/balancer-policy.ts";
import type { Endpoint } from "./endpoint.ts";
import { addressText } from "./endpoint-address.ts";
import { isOnlyPending } from "./health/health-flags.ts";
import { HostSet } from "./host-set.ts";
import { HashBalancer } from "./load-balancer/hash-balancer.ts";
import type { CreateHashTable } from "./load-balancer/hash-table.ts";
import type { LoadBalancer, LoadBalancerInputs } from "./load-balancer/load-balancer.ts";
import { createMaglev } from "./load-balancer/maglev.ts";
import { RandomChoice } from "./load-balancer/random.ts";
import { createRing } from "./load-balancer/ring-hash.ts";
import { RoundRobin } from "./load-balancer/round-robin.ts";
import type { SubsettingOptions } from "./load-balancer/subsetting.ts";
import { leastRequestCost, peakEwmaCost, TwoChoices } from "./load-balancer/two-choices.ts";
import type { LocalZones } from "./load-balancer/zone-aware.ts";

export interface HostSetInputs extends LoadBalancerInputs {
  /** Requests of the cluster that are under way. */
  readonly activeRequests: () => number;
  /** Where callers are, when that is known. */
  readonly localZones: () => LocalZones | undefined;
  /** This proxy's own order of endpoints. */
  readonly rank: EndpointRank;
  /** Health checks ask endpoints. */
  readonly isChecked: boolean;
}

/** `panicThreshold`: see HostGroupOptions. */
export function createHostSet(
  { policy, locality, subsets, subsetSize, override }: BalancerConfig,
  panicThreshold: number,
  inputs: HostSetInputs,
): HostSet {
  const { prng, localZones } = inputs;
  const createBalancer = (): LoadBalancer<Endpoint> => balancerOf(policy, inputs);
  const subsetting =
    subsetSize === undefined
      ? undefined
      : subsettingOf(subsetSize, inputs, subsets === undefined && inputs.isChecked);
  return new HostSet({
    group: { createBalancer, panicThreshold, locality, localZones, prng, subsetting },
    subsets,
    override,
  });
}

/** `isPartlyChecked`: of the others nothing is known. */
function subsettingOf(
  size: number,
  { rank }: HostSetInputs,
  isPartlyChecked: boolean,
): SubsettingOptions<Endpoint> {
  const ranks = new WeakMap<Endpoint, number>();
  const rankOf = (endpoint: Endpoint): number => {
    const known = ranks.get(endpoint);
    if (known !== undefined) return known;
    const found = rank(addressText(endpoint.info));
    ranks.set(endpoint, found);
    return found;
  };
  const isPending = ({ healthFlags }: Endpoint): boolean => isOnlyPending(healthFlags);
  return { size, rankOf, isPending, countsAll: !isPartlyChecked };
}

function balancerOf(policy: BalancerPolicy, inputs: HostSetInputs): LoadBalancer<Endpoint> {
  switch (policy.kind) {
    case "round-robin":
      return new RoundRobin<Endpoint>(inputs);
    case "random":
      return new RandomChoice<Endpoint>(inputs);
    case "least-request": {
      const cost = leastRequestCost(inputs.nowMs, policy.bias);
      return new TwoChoices<Endpoint>(inputs, cost, policy.choices);
    }
    case "peak-ewma":
      return new TwoChoices<Endpoint>(inputs, peakEwmaCost(inputs.nowMs));
    case "ring-hash":
      return hashBalancer(createRing(policy.ring), policy.hashing, inputs);
    case "maglev":
      return hashBalancer(createMaglev(policy.tableSize), policy.hashing, inputs);
    default:
      return assertNever(policy, "load balancing policy");
  }
}

function hashBalancer(
  createTable: CreateHashTable,
  { usesHostname, balancePercent }: HashingSettings,
  inputs: HostSetInputs,
): LoadBalancer<Endpoint> {
  return new HashBalancer<Endpoint>(inputs, {
    createTable,
    keyOf: usesHostname ? keyByHostname : keyByAddress,
    balancePercent,
    activeRequests: inputs.activeRequests,
  });
}

/** As Envoy: an endpoint may say in its labels what it is hashed by, so that it keeps its place at another address. */
function keyByAddress({ info }: Endpoint): string {
  return ownKey(info.labels?.["hash_key"]) ?? addressText(info);
}

function keyByHostname({ info }: Endpoint): string {
  return ownKey(info.labels?.["hash_key"]) ?? wireText(info.hostname || addressText(info));
}

function ownKey(label: unknown): string | undefined {
  return typeof label === "string" && label !== "" ? wireText(label) : undefined;
}
