/**
 * The seam for issuers outside the mesh: who signs a public key for an identity. What every one of them is held to
 * (time-outs, back-off, the checks of what comes back) is in `external-authority.ts`, once.
 */
import type { Certificate } from "../certificate.ts";
import { identityError } from "../errors.ts";
import type { SubjectPublicKey } from "../public-key.ts";
import type { SpiffeId } from "../spiffe-id.ts";

export interface SignRequest {
  readonly spiffeId: SpiffeId;
  readonly publicKey: SubjectPublicKey;
  /** The request that proves possession of the key: issuers that are asked over a network want one. */
  readonly csrDer: Buffer;
  /** From now on, in milliseconds: an upper bound. */
  readonly lifetimeMs: number;
  readonly dnsNames: readonly string[];
}

export interface CertificateIssuer {
  /** As in the configuration: `file`, `vault`, `cert-manager`. */
  readonly kind: string;
  /** Where it is, for people. Holds no secret. */
  readonly place: string;
  /** Where the paths of its certificates end, at this moment; at least one after `open`. */
  readonly roots: readonly Certificate[];
  /** When what signs expires, as far as that is known. */
  readonly notAfterMs: number | undefined;
  /** What is wrong although it goes on with what it had: a pair that was refused. */
  readonly finding: string | undefined;
  /** Finds the roots out. Rejects with `issuer-failed`. Called once, before anything else. */
  open(signal: AbortSignal): Promise<void>;
  /**
   * The leaf first, then the certificates between it and a root; nothing of it is trusted yet. Rejects with
   * `issuer-failed` or, when `signal` aborts, with anything.
   */
  sign(request: SignRequest, signal: AbortSignal): Promise<readonly Buffer[]>;
  /** Calls `listener` after a change of roots, of what signs, or of the finding. */
  onChange(listener: () => void): void;
  close(): void;
}

/** The error of an issuer. `isRetryable`: the same request may be granted later without anybody's doing. */
export function issuerFailed(message: string, isRetryable: boolean, cause?: unknown): Error {
  return identityError({ code: "issuer-failed", isRetryable }, message, cause);
}
