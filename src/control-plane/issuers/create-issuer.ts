/** The issuer that a configuration names. */
import { assertNever } from "../../core/assert.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { CertificateIssuer } from "../../identity/issuers/certificate-issuer.ts";
import { FileIssuer } from "../../identity/issuers/file-issuer.ts";
import { CertManagerIssuer } from "./cert-manager-issuer.ts";
import type { IssuerConfig } from "./issuer-config.ts";
import { IstioIssuer } from "./istio-issuer.ts";
import { KubernetesCsrIssuer } from "./kubernetes-csr-issuer.ts";
import { SpireIssuer } from "./spire-issuer.ts";
import { VaultIssuer } from "./vault-issuer.ts";

export interface IssuerDeps {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

export function createIssuer(config: IssuerConfig, deps: IssuerDeps): CertificateIssuer {
  switch (config.kind) {
    case "file":
      return new FileIssuer({ ...config, ...deps });
    case "vault":
      return new VaultIssuer({ ...config, ...deps });
    case "istio":
      return new IstioIssuer({ ...config, ...deps });
    case "kubernetes-csr":
      return new KubernetesCsrIssuer({ ...config, ...deps });
    case "cert-manager":
      return new CertManagerIssuer({ ...config, ...deps });
    case "spire":
      return new SpireIssuer({ ...config, ...deps });
    default:
      return assertNever(config, "issuer");
  }
}
