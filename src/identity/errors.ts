/** What the identity code throws. Why a peer was refused is a value instead: see `peer-verifier.ts`. */
import { MeshError } from "../core/errors.ts";

export type IdentityErrorDetail =
  /** A text is no SPIFFE id, trust domain, namespace or service account name. */
  | { readonly code: "spiffe-id-invalid"; readonly value: string }
  /** Bytes are not the DER that was expected. Nothing was taken from them. */
  | { readonly code: "der-malformed" }
  /** A PEM text holds none of the blocks asked for, or a broken one. */
  | { readonly code: "pem-malformed" }
  /** A trust bundle holds something that cannot be a root. */
  | { readonly code: "trust-bundle-invalid" }
  /** The key file of the certificate authority may be read by others than its owner. */
  | { readonly code: "ca-key-permissions"; readonly path: string; readonly mode: number }
  /** The key file is sealed and no passphrase, or the wrong one, was given; or it was altered. */
  | { readonly code: "ca-key-sealed"; readonly path: string }
  /** Key and certificate of the authority are missing, damaged or do not belong together. */
  | { readonly code: "ca-state-invalid"; readonly path: string }
  /** The authority's own certificate is not valid now, so it signs nothing. */
  | { readonly code: "ca-not-valid" }
  /** Who signs certificates outside the mesh did not. `isRetryable`: it may do so later by itself. */
  | { readonly code: "issuer-failed"; readonly isRetryable: boolean }
  /** A root signs certificates, or something depends on it: it stays trusted. */
  | { readonly code: "ca-root-in-use" }
  /** A certificate signing request was refused. */
  | { readonly code: "csr-refused" }
  /** A join token is unknown, used, or expired. */
  | { readonly code: "join-token-refused"; readonly reason: "unknown" | "expired" }
  /** No more join tokens can be held. */
  | { readonly code: "join-tokens-exhausted" }
  /** The control plane could not be asked for a certificate or a token, or (`isRefused`) said no. */
  | { readonly code: "certificate-request-failed"; readonly isRefused: boolean };

export type IdentityErrorCode = IdentityErrorDetail["code"];

/** An error of this area. */
export function identityError(
  detail: IdentityErrorDetail,
  message: string,
  cause?: unknown,
): MeshError<IdentityErrorDetail> {
  return new MeshError(detail, message, cause);
}
