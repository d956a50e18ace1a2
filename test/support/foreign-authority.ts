/** An authority that is not the mesh's: a root in memory that signs what stand-ins for issuers are asked for. */
import { systemClock } from "../../src/core/clock.ts";
import { parseCertificate } from "../../src/identity/certificate.ts";
import { CertificateAuthority } from "../../src/identity/certificate-authority.ts";
import { createTestIntermediate, createTestRoot } from "../../src/identity/certificate-fixtures.ts";
import { publicKeyFromCsr } from "../../src/identity/csr.ts";
import { formatCertificatesPem, parsePem } from "../../src/identity/pem.ts";
import { requireSpiffeId } from "../../src/identity/spiffe-id.ts";

export class ForeignAuthority {
  readonly rootPem: string;
  readonly intermediatePem: string;
  readonly #authority: CertificateAuthority;

  constructor(trustDomain: string) {
    const clock = systemClock;
    const root = createTestRoot(clock.nowMs(), "foreign root");
    const { key, der } = createTestIntermediate(clock.nowMs(), root, "foreign intermediate");
    this.rootPem = formatCertificatesPem([root.der]);
    this.intermediatePem = formatCertificatesPem([der]);
    const certificate = parseCertificate(der);
    this.#authority = new CertificateAuthority({ trustDomain, key, certificate, clock });
  }

  /** The leaf in PEM. Throws for a request whose signature is not that of its key. */
  sign(csrPem: string, spiffeId: string, lifetimeMs: number): string {
    const [csr = Buffer.alloc(0)] = parsePem(csrPem, "CERTIFICATE REQUEST");
    const { chainDer } = this.#authority.issue({
      publicKey: publicKeyFromCsr(csr),
      spiffeId: requireSpiffeId(spiffeId),
      lifetimeMs,
    });
    return formatCertificatesPem(chainDer);
  }
}
