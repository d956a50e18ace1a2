/**
 * Trust bundles: the roots of one trust domain, and the set of them that a process knows. Bundles of
 * different domains are never merged for verification. A bundle without roots trusts nothing.
 */
import { messageOf } from "../core/errors.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { identityError } from "./errors.ts";
import { CRLS_MAX } from "./limits.ts";
import { formatCertificatesPem, formatPem, parsePem } from "./pem.ts";
import { publicKeyProblem } from "./public-key.ts";
import { parseRevocationList, type RevocationList } from "./revocation-list.ts";
import { trustDomainProblem } from "./spiffe-id.ts";

/** RFC 7468 section 6. */
const CRL_LABEL = "X509 CRL";

export interface TrustBundle {
  readonly trustDomain: string;
  readonly roots: readonly Certificate[];
  /** When there are any, every issuer on a path needs one that is valid. */
  readonly revocationLists?: readonly RevocationList[];
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

/**
 * Like `trustBundleFromDer`. Text without any certificate gives a bundle that trusts nothing. Revocation lists may stand
 * among the roots, as Envoy's SPIFFE validator has them.
 */
export function parseTrustBundlePem(trustDomain: string, pem: string): TrustBundle {
  const bundle = trustBundleFromDer(trustDomain, parsePem(pem, "CERTIFICATE"));
  const lists = parsePem(pem, CRL_LABEL);
  if (lists.length === 0) return bundle;
  if (lists.length > CRLS_MAX) throw invalid(`more than ${CRLS_MAX} revocation lists`);
  const revocationLists = lists.map((der, index) => {
    try {
      return parseRevocationList(der);
    } catch (error) {
      const what = `revocation list ${index + 1} of ${trustDomain}`;
      throw invalid(`${what} cannot be used: ${messageOf(error)}`, error);
    }
  });
  return { ...bundle, revocationLists };
}

export function formatTrustBundlePem(bundle: TrustBundle): string {
  const roots = formatCertificatesPem(bundle.roots.map((root) => root.der));
  const lists = (bundle.revocationLists ?? []).map(({ der }) => formatPem(CRL_LABEL, der));
  return `${roots}${lists.join("")}`;
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
