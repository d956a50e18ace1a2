/**
 * What the control plane tells every sidecar about identities beside the trust bundle: who is revoked, and which roots
 * certificates are to be issued under. It travels as JSON in a secret of its own (`docs/internals/identity.md`), which
 * only Tulle's sidecars ask for.
 */
import { MeshError } from "../core/errors.ts";
import type { DenyList } from "./deny-list.ts";
import { IDENTITY_POLICY_ENTRIES_MAX } from "./limits.ts";

/** The name of the secret, by SDS. */
export const IDENTITY_POLICY_SECRET = "tulle-identity";

export interface IdentityPolicy {
  readonly denied: DenyList;
  /** Ids of roots. A sidecar whose certificate is under another one renews it. Empty: any root of the bundle will do. */
  readonly issuers: readonly string[];
  /** Within how long it renews, at a moment of its own choice, so that not all come at once. Milliseconds. */
  readonly reissueWithinMs: number;
}

interface Encoded {
  readonly revokedSpiffeIds: readonly string[];
  readonly revokedSerials: readonly string[];
  readonly issuers: readonly string[];
  readonly reissueWithinMs: number;
}

/** The same text for the same policy. */
export function formatIdentityPolicy(policy: IdentityPolicy): string {
  const encoded: Encoded = {
    revokedSpiffeIds: [...policy.denied.spiffeIds].sort(),
    revokedSerials: [...policy.denied.serials].sort(),
    issuers: [...policy.issuers].sort(),
    reissueWithinMs: policy.reissueWithinMs,
  };
  return JSON.stringify(encoded);
}

/** Members that it does not know are passed over. Throws `identity-policy-invalid` and names the member. */
export function parseIdentityPolicy(text: string): IdentityPolicy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid("it is no JSON", error);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw invalid("it is no object");
  }
  const members = json as Readonly<Record<string, unknown>>;
  const { reissueWithinMs } = members;
  if (typeof reissueWithinMs !== "number" || !(reissueWithinMs >= 0)) {
    throw invalid("reissueWithinMs must be a number of milliseconds");
  }
  return {
    denied: {
      spiffeIds: new Set(strings(members, "revokedSpiffeIds")),
      serials: new Set(strings(members, "revokedSerials")),
    },
    issuers: strings(members, "issuers"),
    reissueWithinMs,
  };
}

function strings(members: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const list = members[name];
  if (!Array.isArray(list) || !list.every((item) => typeof item === "string")) {
    throw invalid(`${name} must be a list of strings`);
  }
  if (list.length > IDENTITY_POLICY_ENTRIES_MAX) {
    throw invalid(`${name} has more than ${IDENTITY_POLICY_ENTRIES_MAX} entries`);
  }
  return list;
}

function invalid(reason: string, cause?: unknown): Error {
  return new MeshError(
    { code: "identity-policy-invalid" },
    `the identity policy cannot be used: ${reason}`,
    cause,
  );
}
