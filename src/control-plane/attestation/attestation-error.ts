/** Why a workload's proof is not taken. */
import { MeshError } from "../../core/errors.ts";
import { identityError } from "../../identity/errors.ts";

/** The proof is no good: another one is needed. */
export function proofRefused(reason: string): Error {
  return identityError({ code: "join-token-refused", reason: "unknown" }, reason);
}

/** It cannot be judged now: the same one may be good later. */
export function proofUnjudged(reason: string, cause?: unknown): Error {
  return new MeshError({ code: "attestation-unavailable" }, reason, cause);
}
