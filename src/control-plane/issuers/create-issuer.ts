/** The issuer that a configuration names. */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { CertificateIssuer } from "../../identity/issuers/certificate-issuer.ts";
import { FileIssuer } from "../../identity/issuers/file-issuer.ts";
import type { IssuerConfig } from "./issuer-config.ts";

export interface IssuerDeps {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createIssuer(config: IssuerConfig, deps: IssuerDeps): CertificateIssuer {
  return new FileIssuer({ ...config, ...deps });
}
