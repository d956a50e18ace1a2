/** What the RateLimitPolicies say of a descriptor that a proxy asks about. Pure. */
import { createHash } from "node:crypto";
import type { RateLimitDescriptor } from "../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import { RATE_LIMIT_UNIT_MS, type RateLimitAmount } from "../../resource/kinds/rate-limit-rule.ts";
import type { CountedLimit } from "./counted-limit.ts";

/** Longer ones are told by their digest. */
export const KEY_LENGTH_MAX = 256;
/** Key of the entry that names a rule: translation writes it first. */
const RULE_KEY = "rule";

/** A descriptor that a rule has a limit for. */
export interface PlannedLimit extends CountedLimit {
  readonly rule: string;
  readonly amount: RateLimitAmount;
}

/** Undefined where the policy has no such rule, any more or yet: nothing limits it then. */
export function limitOf(
  policy: RateLimitPolicy,
  domain: string,
  { entries }: RateLimitDescriptor,
): PlannedLimit | undefined {
  const named = entries.find(({ key }) => key === RULE_KEY)?.value;
  const rule = policy.spec.global?.rules.find(({ name }) => name === named);
  if (rule?.limit === undefined) return undefined;
  const { requests, unit, burst = Math.ceil(requests / 2) } = rule.limit;
  return {
    key: keyOf(domain, entries),
    intervalUs: (RATE_LIMIT_UNIT_MS[unit] * 1000) / requests,
    burst,
    rule: rule.name,
    amount: rule.limit,
  };
}

/** The braces make a Redis cluster keep all limits of a policy in one place, where one script can read them. */
function keyOf(domain: string, entries: RateLimitDescriptor["entries"]): string {
  const text = JSON.stringify(entries.map(({ key, value }) => [key, value]));
  const digest = (): string => createHash("sha256").update(text).digest("base64url");
  return `{${domain}}:${text.length > KEY_LENGTH_MAX ? digest() : text}`;
}
