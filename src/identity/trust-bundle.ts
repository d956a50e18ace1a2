/**
 * Trust bundles: the roots of one trust domain, and the set of them that a process knows. Bundles of
 * different domains are never merged for verification. A bundle without roots trusts nothing.
 */
import { messageOf } from "../core/errors.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { identityError } from "./errors.ts";
import { formatCertificatesPem, parsePem } from "./pem.ts";
import { publicKeyProblem } from "./public-key.ts";
import { trustDomainProblem } from "./spiffe-id.ts";

export interface TrustBundle {
  readonly trustDomain: string;
  readonly roots: readonly Certificate[];
}

/** Bundles by trust domain. Never changes; `with` makes another one. */
export class TrustBundleSet {
  readonly #bundles: ReadonlyMap<string, TrustBundle>;

  constructor(bundles: Iterable<TrustBundle> = []) {
    this.#bundles = new Map([...bundles].map((bundle) => [bundle.trustDomain, bundle]));
  }

  get(trustDomain: string): TrustBundle | undefined {
    return this.#bundles.get(trustDomain);
  }

  get trustDomains(): readonly string[] {
    return [...this.#bundles.keys()];
  }

  /** A set with `bundle` in place of any other of its trust domain. */
  with(bundle: TrustBundle): TrustBundleSet {
    return new TrustBundleSet([...this.#bundles.values(), bundle]);
  }
}

/** Makes a bundle of DER certificates; repeated ones count once. Throws `trust-bundle-invalid`. */
export function trustBundleFromDer(trustDomain: string, ders: readonly Uint8Array[]): TrustBundle {
  const problem = trustDomainProblem(trustDomain);
  if (problem !== undefined) throw invalid(`a trust bundle ${problem}`);
  const roots = new Map<string, Certificate>();
  for (const [index, der] of ders.entries()) {
    // A copy of its own, so that the bundle does not keep a whole message alive.
    const root = parseRoot(Buffer.from(der), `root ${index + 1} of ${trustDomain}`);
    roots.set(root.der.toString("latin1"), root);
  }
  return { trustDomain, roots: [...roots.values()] };
}

/** Like `trustBundleFromDer`. Text without any certificate gives a bundle that trusts nothing. */
export function parseTrustBundlePem(trustDomain: string, pem: string): TrustBundle {
  return trustBundleFromDer(trustDomain, parsePem(pem, "CERTIFICATE"));
}

export function formatTrustBundlePem(bundle: TrustBundle): string {
  return formatCertificatesPem(bundle.roots.map((root) => root.der));
}

function parseRoot(der: Buffer, what: string): Certificate {
  let root: Certificate;
  try {
    root = parseCertificate(der);
  } catch (error) {
    throw invalid(`${what} cannot be read: ${messageOf(error)}`, error);
  }
  if (root.extensions.basicConstraints?.isCa !== true) {
    throw invalid(`${what} is not the certificate of a certificate authority`);
  }
  const weakness = publicKeyProblem(root.publicKey);
  if (weakness !== undefined) throw invalid(`${what} ${weakness}`);
  return root;
}

function invalid(message: string, cause?: unknown): Error {
  return identityError({ code: "trust-bundle-invalid" }, message, cause);
}
