/** An X.509-SVID with its private key, and what the sidecar hands on when one of its parts changes. */
import type { SpiffeId } from "./spiffe-id.ts";

export interface Svid {
  readonly spiffeId: SpiffeId;
  /** Leaf first, root left out. */
  readonly certificateChainPem: string;
  /** PKCS #8. Never leaves the process that made it and its workers, and never goes into a log. */
  readonly privateKeyPem: string;
  /** Milliseconds since the epoch, of the leaf. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The SVID in use and the roots of its own trust domain. Later updates replace earlier ones whole. */
export interface IdentityUpdate extends Svid {
  readonly trustBundlePem: string;
}
