/** The settings of load balancing policies, compiled: of their own messages, and of the older fields of a cluster. */
import type { FieldError } from "../../decision/field-error.ts";
import type { RingHash } from "../../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js";
import type { RingSettings } from "../load-balancer/ring-hash.ts";
import { CHOICES } from "../load-balancer/two-choices.ts";

export interface HashingSettings {
  /** Endpoints are hashed by their host name instead of their address. */
  readonly usesHostname: boolean;
  /** Percent of the average load that one endpoint may have. Undefined for no bound. */
  readonly balancePercent: number | undefined;
}

export type BalancerPolicy =
  | { readonly kind: "round-robin" }
  | { readonly kind: "random" }
  | { readonly kind: "peak-ewma" }
  | { readonly kind: "least-request"; readonly choices: number; readonly bias: number }
  | { readonly kind: "ring-hash"; readonly ring: RingSettings; readonly hashing: HashingSettings }
  | { readonly kind: "maglev"; readonly tableSize: number; readonly hashing: HashingSettings };

/** Envoy's defaults and bounds. */
const RING_SIZE = 1024;
const RING_SIZE_MAX = 8 * 1024 * 1024;
const TABLE_SIZE = 65_537;
const TABLE_SIZE_MAX = 5_000_011;
const BALANCE_PERCENT_MIN = 100;

const MURMUR_HASH_2 = 2;

interface LeastRequestFields {
  readonly choiceCount?: number | undefined;
  readonly activeRequestBias?: { readonly defaultValue: number } | undefined;
}

export function leastRequest(
  { choiceCount = CHOICES, activeRequestBias }: LeastRequestFields,
  path: string,
  errors: FieldError[],
): BalancerPolicy {
  if (choiceCount < CHOICES) {
    errors.push({ path: `${path}.choice_count`, message: `${CHOICES} is the least` });
  }
  const bias = activeRequestBias?.defaultValue ?? 1;
  if (!(bias >= 0)) {
    const message = `${bias} is not a number from 0`;
    errors.push({ path: `${path}.active_request_bias.default_value`, message });
  }
  return { kind: "least-request", choices: choiceCount, bias };
}

interface ConsistentHashingFields {
  readonly useHostnameForHashing?: boolean;
  readonly hashBalanceFactor?: number | undefined;
  readonly consistentHashingLbConfig?:
    | { readonly useHostnameForHashing: boolean; readonly hashBalanceFactor?: number | undefined }
    | undefined;
}

type RingFields = Partial<Pick<RingHash, "minimumRingSize" | "maximumRingSize">> &
  ConsistentHashingFields & { readonly hashFunction: number };

export function ringHash(fields: RingFields, path: string, errors: FieldError[]): BalancerPolicy {
  const sizeMin = Number(fields.minimumRingSize ?? RING_SIZE);
  const sizeMax = Number(fields.maximumRingSize ?? RING_SIZE_MAX);
  if (sizeMax > RING_SIZE_MAX) {
    errors.push({ path: `${path}.maximum_ring_size`, message: `${RING_SIZE_MAX} is the most` });
  }
  if (sizeMin < 1 || sizeMin > sizeMax) {
    const message = `${sizeMin} is not from 1 to maximum_ring_size, ${sizeMax}`;
    errors.push({ path: `${path}.minimum_ring_size`, message });
  }
  const hashFunction = fields.hashFunction === MURMUR_HASH_2 ? "murmur2" : "xxhash";
  return {
    kind: "ring-hash",
    ring: { sizeMin, sizeMax, hashFunction },
    hashing: hashingSettings(fields, path, errors),
  };
}

interface MaglevFields extends ConsistentHashingFields {
  readonly tableSize?: bigint | undefined;
}

export function maglev(fields: MaglevFields, path: string, errors: FieldError[]): BalancerPolicy {
  const tableSize = Number(fields.tableSize ?? TABLE_SIZE);
  if (tableSize > TABLE_SIZE_MAX || !isPrime(tableSize)) {
    const message = `${tableSize} is not a prime number up to ${TABLE_SIZE_MAX}`;
    errors.push({ path: `${path}.table_size`, message });
  }
  return { kind: "maglev", tableSize, hashing: hashingSettings(fields, path, errors) };
}

/** The message of its own replaces the older fields beside it. */
function hashingSettings(
  fields: ConsistentHashingFields,
  path: string,
  errors: FieldError[],
): HashingSettings {
  const { consistentHashingLbConfig: inner } = fields;
  const { useHostnameForHashing: usesHostname = false, hashBalanceFactor } = inner ?? fields;
  if (hashBalanceFactor !== undefined && hashBalanceFactor < BALANCE_PERCENT_MIN) {
    const at = inner === undefined ? path : `${path}.consistent_hashing_lb_config`;
    errors.push({
      path: `${at}.hash_balance_factor`,
      message: `${BALANCE_PERCENT_MIN} is the least`,
    });
  }
  return { usesHostname, balancePercent: hashBalanceFactor };
}

function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) {
    if (value % divisor === 0) return false;
  }
  return true;
}
