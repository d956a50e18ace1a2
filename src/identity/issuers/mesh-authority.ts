/**
 * What the rest of the mesh needs of whoever signs its certificates: the authority of its own (`TrustAuthority`), or an
 * issuer outside (`ExternalAuthority`). `SwitchableAuthority` goes from one to another.
 */
import type { Certificate } from "../certificate.ts";
import type { IssuedCertificate, IssueRequest } from "../certificate-authority.ts";
import type { TrustBundle } from "../trust-bundle.ts";
import type { ExternalIssuerState } from "./issuer-state.ts";

/** Another authority is to take the place of the one that signs. Both texts are for people. */
export interface AuthorityChange {
  readonly from: string;
  readonly to: string;
}

export interface MeshAuthority {
  readonly trustDomain: string;
  /** Where certificates that are issued now have their path's end. */
  readonly root: Certificate;
  /** The root that is to follow it: of its own, or of the authority that is to take its place. */
  readonly nextRoot: Certificate | undefined;
  /** Every root that is trusted. */
  readonly bundle: TrustBundle;
  /** Who signs instead of a key of the mesh; undefined when nobody does. Then no root is rotated here. */
  readonly external?: ExternalIssuerState | undefined;
  /** Undefined when the one that signs stays. Then `prepare` and `activate` are about its own roots. */
  readonly change?: AuthorityChange | undefined;
  /** Of authorities that have signed before: trusted until nothing is under them. */
  readonly formerRoots?: readonly Certificate[] | undefined;
  /** Throws, or rejects with, `ca-not-valid`, `csr-refused` or `issuer-failed`. */
  issue(request: IssueRequest): IssuedCertificate | Promise<IssuedCertificate>;
  /** Calls `listener` after each change of the bundle or of the root. Returns how to end that. */
  onChange(listener: () => void): () => void;
  prepare(): Certificate;
  activate(): void;
  discard(): void;
  /** Throws `ca-root-in-use`. */
  retire(rootId: string): void;
  replaceExpired(): boolean;
}
