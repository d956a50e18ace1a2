/** What an issuer signed is held to the rules for any peer's certificate before anybody gets it. */

import type { Certificate } from "../certificate.ts";
import { parseCertificate } from "../certificate.ts";
import type { IssuedCertificate } from "../certificate-authority.ts";
import { expectPeer, verifyPeer } from "../peer-verifier.ts";
import { type TrustBundle, TrustBundleSet } from "../trust-bundle.ts";
import { issuerFailed, type SignRequest } from "./certificate-issuer.ts";

export interface CheckedCertificate extends IssuedCertificate {
  /** Where its path ends. */
  readonly root: Certificate;
}

/**
 * The certificate, once it is one for the identity and the key that were asked for, with a path to a root of `bundle`.
 * `notAfterMs` is that of the first certificate of the path that expires. Throws `issuer-failed`.
 */
export function checkIssued(
  chainDer: readonly Buffer[],
  request: Pick<SignRequest, "spiffeId" | "publicKey">,
  bundle: TrustBundle,
  nowMs: number,
): CheckedCertificate {
  const isRoot = (der: Buffer): boolean => bundle.roots.some((root) => root.der.equals(der));
  // A root in the chain helps nobody, and peers look at few certificates.
  const chain = chainDer.filter((der, index) => index === 0 || !isRoot(der));
  const verdict = expectPeer(verifyPeer(chain, new TrustBundleSet([bundle]), nowMs), [
    request.spiffeId,
  ]);
  if (!verdict.ok) {
    throw issuerFailed(`what the issuer signed is refused: ${verdict.reason}`, false);
  }
  const leaf = parseCertificate(chain[0] ?? Buffer.alloc(0));
  if (!leaf.publicKey.der.equals(request.publicKey.der)) {
    throw issuerFailed("what the issuer signed is refused: it is for another key", false);
  }
  const { serialHex, notBeforeMs } = leaf;
  const { notAfterMs, root } = verdict;
  return { chainDer: chain, serialHex, notBeforeMs, notAfterMs, root };
}
