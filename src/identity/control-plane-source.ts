/**
 * Gets a sidecar's certificates from the control plane: the first with a join token, later ones with
 * the certificate it holds. When that has expired or is refused, it joins anew with a fresh token.
 */
import type { Clock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import type { CertificateClient } from "./certificate-client.ts";
import type {
  CertificateRequest,
  CertificateSource,
  SignedCertificate,
} from "./certificate-source.ts";
import type { TokenSource } from "./token-source.ts";
import { parseTrustBundlePem, TrustBundleSet, trustBundleFromDer } from "./trust-bundle.ts";

export interface ControlPlaneSourceOptions {
  readonly trustDomain: string;
  readonly client: Pick<CertificateClient, "sign">;
  readonly tokenSource: TokenSource;
  readonly clock: Clock;
}

export class ControlPlaneSource implements CertificateSource {
  readonly #options: ControlPlaneSourceOptions;

  constructor(options: ControlPlaneSourceOptions) {
    this.#options = options;
  }

  async obtain(request: CertificateRequest): Promise<SignedCertificate> {
    const { current } = request;
    if (current === undefined || this.#options.clock.nowMs() >= current.svid.notAfterMs) {
      return this.#join(request.csrDer);
    }
    try {
      return await this.#renew(request.csrDer, current);
    } catch (error) {
      const isRefused =
        hasCode(error, "certificate-request-failed") &&
        "isRefused" in error.detail &&
        error.detail.isRefused === true;
      if (!isRefused) throw error;
      return this.#join(request.csrDer);
    }
  }

  async #join(csrDer: Buffer): Promise<SignedCertificate> {
    const { trustDomain, tokenSource, client } = this.#options;
    const { token, trustBundlePem } = await tokenSource.getCredentials();
    const bundles = new TrustBundleSet([parseTrustBundlePem(trustDomain, trustBundlePem)]);
    const answer = await client.sign({
      csrDer,
      identity: { svid: undefined, bundles },
      joinToken: token,
    });
    return this.#read(answer);
  }

  async #renew(
    csrDer: Buffer,
    current: NonNullable<CertificateRequest["current"]>,
  ): Promise<SignedCertificate> {
    const bundles = new TrustBundleSet([current.bundle]);
    const answer = await this.#options.client.sign({
      csrDer,
      identity: { svid: current.svid, bundles },
    });
    return this.#read(answer);
  }

  #read(answer: Awaited<ReturnType<CertificateClient["sign"]>>): SignedCertificate {
    return {
      chainDer: answer.certificateChain.map((der) => Buffer.from(der)),
      bundle: trustBundleFromDer(this.#options.trustDomain, answer.trustBundle),
    };
  }
}
