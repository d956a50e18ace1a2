/**
 * What a connection of another protocol than HTTP is hashed by, so that hashing policies send those of one client to the
 * same endpoint: Envoy's `hash_policy` of a TcpProxy, compiled. The hash is Envoy's.
 */
import { XxHash64 } from "../core/xxhash64.ts";
import type { HashPolicy } from "../gen/envoy/type/v3/hash_policy_pb.js";
import type { FieldError } from "./field-error.ts";
import type { HashTarget } from "./hash-policy.ts";

export class TcpHashPolicy {
  readonly #hash = new XxHash64();

  /** Gives the target the hash of the client's address, when there is one. */
  apply(remoteAddress: string, target: Pick<HashTarget, "setHash">): void {
    if (remoteAddress === "") return;
    this.#hash.hash(remoteAddress);
    target.setHash(this.#hash.high, this.#hash.low);
  }
}

/** Undefined where nothing is hashed. As Envoy, which takes one entry at the most. */
export function compileTcpHashPolicy(
  policies: readonly HashPolicy[],
  path: string,
  errors: FieldError[],
): TcpHashPolicy | undefined {
  const [policy] = policies;
  if (policy === undefined) return undefined;
  if (policies.length > 1) errors.push({ path, message: "at most one entry is possible" });
  if (policy.policySpecifier.case !== "sourceIp") {
    errors.push({ path: `${path}[0]`, message: "only source_ip is implemented" });
  }
  return new TcpHashPolicy();
}
