/**
 * Decides whether a TLS peer is who its certificate says: the X509-SVID rules for the leaf, then path
 * validation against the bundle of the peer's own trust domain and no other. Host names play no part.
 */
import { messageOf } from "../core/errors.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { type DenyList, denialOf, NOTHING_DENIED } from "./deny-list.ts";
import { CHAIN_CERTIFICATES_MAX } from "./limits.ts";
import { OID } from "./oid.ts";
import { criticalExtensionProblem, validatePath } from "./path-validation.ts";
import { formatDuration, type PeerRejection, rejectPeer } from "./peer-rejection.ts";
import { publicKeyProblem } from "./public-key.ts";
import { parseSpiffeId, type SpiffeId, type SpiffeIdResult } from "./spiffe-id.ts";
import type { TrustBundle, TrustBundleSet } from "./trust-bundle.ts";

/** A peer that proved its identity. */
export interface VerifiedPeer {
  readonly ok: true;
  readonly spiffeId: SpiffeId;
  readonly trustDomain: string;
  /** When the first certificate of the peer's path expires: it has no identity from then on. */
  readonly notAfterMs: number;
  /** Of its own certificate. */
  readonly serialHex: string;
  /** Where its path ends. */
  readonly root: Certificate;
}

export type PeerVerdict = VerifiedPeer | PeerRejection;

type ParsedId = SpiffeIdResult & { readonly ok: true };

/**
 * Judges the certificates that a peer sent, its own first, the others in any order. Never throws.
 * `nowMs` is wall clock time; who is on `denied` is refused however good its certificate is.
 */
export function verifyPeer(
  chainDer: readonly Buffer[],
  bundles: TrustBundleSet,
  nowMs: number,
  denied: DenyList = NOTHING_DENIED,
): PeerVerdict {
  if (chainDer.length > CHAIN_CERTIFICATES_MAX) {
    return rejectPeer(
      "chain-too-long",
      `peer sent ${chainDer.length} certificates, at most ${CHAIN_CERTIFICATES_MAX} are looked at`,
    );
  }
  let chain: readonly Certificate[];
  try {
    chain = chainDer.map(parseCertificate);
  } catch (error) {
    return rejectPeer("malformed", `peer certificate cannot be read (${messageOf(error)})`);
  }
  const [leaf, ...candidates] = chain;
  if (leaf === undefined) return rejectPeer("no-certificate", "peer sent no certificate");
  const id = identityOf(leaf);
  if (!("id" in id)) return id;
  const bundle = bundles.get(id.trustDomain);
  const rejection = bundleProblem(id, bundle) ?? leafProblem(leaf) ?? validityProblem(leaf, nowMs);
  if (rejection !== undefined || bundle === undefined) {
    return rejection ?? rejectPeer("untrusted-domain", "peer has no trust bundle");
  }
  const path = validatePath({ leaf, candidates, bundle, nowMs });
  if (!path.ok) return path;
  const { serialHex } = leaf;
  const denial = denialOf(denied, { spiffeId: id.id, serialHex });
  if (denial !== undefined) return rejectPeer("revoked", denial);
  const { trustDomain } = id;
  const { notAfterMs, root } = path;
  return { ok: true, spiffeId: id.id, trustDomain, notAfterMs, serialHex, root };
}

/** Narrows a verdict to the identities that are acceptable here. Ids compare exactly. */
export function expectPeer(verdict: PeerVerdict, expected: readonly string[]): PeerVerdict {
  if (!verdict.ok || expected.includes(verdict.spiffeId)) return verdict;
  return rejectPeer(
    "unexpected-identity",
    `peer is ${verdict.spiffeId}, expected ${expected.join(" or ") || "nobody"}`,
  );
}

/** X509-SVID sections 2, 3.1 and 5.2: one URI, a SPIFFE id with a path, not a signing certificate. */
function identityOf(leaf: Certificate): ParsedId | PeerRejection {
  if (leaf.extensions.basicConstraints?.isCa === true) {
    return rejectPeer("ca-as-leaf", "peer presented a signing certificate as its identity");
  }
  const uris = leaf.extensions.alternativeNames?.uris ?? [];
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) {
    return rejectPeer(
      "uri-san-count",
      `peer certificate has ${uris.length === 0 ? "no URI SAN" : `${uris.length} URI SANs`}, an SVID has exactly one`,
    );
  }
  const id = parseSpiffeId(uri);
  if (!id.ok) {
    return rejectPeer(
      "not-spiffe",
      `peer certificate has a URI that is no SPIFFE id: it ${id.reason}`,
    );
  }
  // Ids are compared as strings further on, so only one spelling may enter.
  if (id.id !== uri) {
    return rejectPeer(
      "not-spiffe",
      "peer certificate has a SPIFFE id with upper case scheme or trust domain",
    );
  }
  if (id.path === "") {
    return rejectPeer(
      "not-spiffe",
      `peer certificate has the id of a whole trust domain: ${id.id}`,
    );
  }
  return id;
}

/** Without a bundle, or with an empty one, nothing of that domain is trusted. */
function bundleProblem(id: ParsedId, bundle: TrustBundle | undefined): PeerRejection | undefined {
  if (bundle !== undefined && bundle.roots.length > 0) return undefined;
  return rejectPeer(
    "untrusted-domain",
    bundle === undefined
      ? `peer belongs to trust domain ${id.trustDomain}, which is not trusted here`
      : `peer belongs to trust domain ${id.trustDomain}, whose trust bundle is empty`,
  );
}

function leafProblem(leaf: Certificate): PeerRejection | undefined {
  const { keyUsage, extendedKeyUsage, alternativeNames } = leaf.extensions;
  // RFC 5280 section 4.2.1.6 and X509-SVID section 3.1.
  if (leaf.hasEmptySubject && alternativeNames?.isCritical !== true) {
    return rejectPeer(
      "san-not-critical",
      "peer certificate has an empty subject and a SAN that is not critical",
    );
  }
  const usage = "peer certificate has a key usage that";
  if (keyUsage === undefined)
    return rejectPeer("bad-key-usage", "peer certificate has no key usage");
  if (!keyUsage.isCritical) return rejectPeer("bad-key-usage", `${usage} is not critical`);
  if (!keyUsage.hasDigitalSignature)
    return rejectPeer("bad-key-usage", `${usage} lacks digitalSignature`);
  if (keyUsage.hasKeyCertSign || keyUsage.hasCrlSign) {
    return rejectPeer("bad-key-usage", `${usage} allows signing certificates or revocation lists`);
  }
  if (extendedKeyUsage !== undefined) {
    // X509-SVID section 4.4: both, when the extension is there.
    const isForPeers = extendedKeyUsage.has(OID.serverAuth) && extendedKeyUsage.has(OID.clientAuth);
    if (!isForPeers) {
      return rejectPeer(
        "bad-extended-key-usage",
        "peer certificate is not for server and client authentication",
      );
    }
  }
  const weakness = publicKeyProblem(leaf.publicKey);
  if (weakness !== undefined) return rejectPeer("weak-key", `peer certificate ${weakness}`);
  return criticalExtensionProblem(leaf, "peer certificate");
}

function validityProblem(leaf: Certificate, nowMs: number): PeerRejection | undefined {
  if (nowMs > leaf.notAfterMs) {
    return rejectPeer(
      "expired",
      `peer certificate expired ${formatDuration(nowMs - leaf.notAfterMs)} ago`,
    );
  }
  if (nowMs < leaf.notBeforeMs) {
    return rejectPeer(
      "not-yet-valid",
      `peer certificate is valid in ${formatDuration(leaf.notBeforeMs - nowMs)}`,
    );
  }
  return undefined;
}
