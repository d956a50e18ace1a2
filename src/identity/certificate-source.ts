/** Where an identity agent gets its certificates from, and the source that is the authority itself. */
import { publicKeyFromCsr } from "./csr.ts";
import type { MeshAuthority } from "./issuers/mesh-authority.ts";
import type { SpiffeId } from "./spiffe-id.ts";
import type { Svid } from "./svid.ts";
import type { TrustBundle } from "./trust-bundle.ts";

export interface CertificateRequest {
  readonly csrDer: Buffer;
  /** What the agent holds, with its bundle. Expired ones too; undefined before the first. */
  readonly current: { readonly svid: Svid; readonly bundle: TrustBundle } | undefined;
}

/** Not trusted yet: the agent checks it before use. */
export interface SignedCertificate {
  /** Leaf first, root left out. */
  readonly chainDer: readonly Buffer[];
  readonly bundle: TrustBundle;
}

export interface CertificateSource {
  /** Ends within a bounded time, by an error if need be. */
  obtain(request: CertificateRequest): Promise<SignedCertificate>;
}

export interface LocalSourceOptions {
  readonly authority: Pick<MeshAuthority, "issue">;
  readonly getTrustBundle: () => TrustBundle;
  readonly getLifetimeMs: () => number;
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
}

/** Signs with an authority in the same process: how the control plane gets its own certificate. */
export class LocalCertificateSource implements CertificateSource {
  readonly #options: LocalSourceOptions;

  constructor(options: LocalSourceOptions) {
    this.#options = options;
  }

  async obtain(request: CertificateRequest): Promise<SignedCertificate> {
    const { authority, getTrustBundle, getLifetimeMs, spiffeId, dnsNames } = this.#options;
    const { csrDer } = request;
    const issued = await authority.issue({
      publicKey: publicKeyFromCsr(csrDer),
      csrDer,
      spiffeId,
      lifetimeMs: getLifetimeMs(),
      dnsNames,
    });
    return { chainDer: issued.chainDer, bundle: getTrustBundle() };
  }
}
