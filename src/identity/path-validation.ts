/**
 * Certification path validation (RFC 5280 section 6) from a leaf to a root of one bundle. Paths are
 * searched depth first among what the peer sent, in whatever order it sent it, within fixed bounds.
 */
import { type Certificate, isIssuedBy } from "./certificate.ts";
import { PATH_INTERMEDIATES_MAX, SIGNATURE_CHECKS_MAX } from "./limits.ts";
import { algorithmName, OID, signatureAlgorithmOf } from "./oid.ts";
import { formatDuration, type PeerRejection, rejectPeer } from "./peer-rejection.ts";
import { publicKeyProblem } from "./public-key.ts";
import { isListSignedBy } from "./revocation-list.ts";
import type { TrustBundle } from "./trust-bundle.ts";

export type PathVerdict =
  | {
      readonly ok: true;
      /** When the first certificate of the path expires. */
      readonly notAfterMs: number;
      /** Where the path ends. */
      readonly root: Certificate;
    }
  | PeerRejection;

interface Search {
  readonly candidates: readonly Certificate[];
  readonly bundle: TrustBundle;
  readonly nowMs: number;
  signatureChecks: number;
  /** The most telling reason so far. */
  rejection: PeerRejection;
}

/** Validates `leaf` up to a root of `bundle`; `candidates` are the other certificates of the peer. */
export function validatePath(input: {
  readonly leaf: Certificate;
  readonly candidates: readonly Certificate[];
  readonly bundle: TrustBundle;
  readonly nowMs: number;
}): PathVerdict {
  const { leaf, candidates, bundle, nowMs } = input;
  const search: Search = {
    candidates,
    bundle,
    nowMs,
    signatureChecks: 0,
    rejection: rejectPeer(
      "untrusted-issuer",
      `peer certificate was not issued under any of the ${bundle.roots.length} roots of trust domain ${bundle.trustDomain}`,
    ),
  };
  return findPath(search, [leaf]) ?? search.rejection;
}

/** Extends `path` (leaf first) to a root. Undefined when it cannot. */
function findPath(search: Search, path: readonly Certificate[]): PathVerdict | undefined {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const weakness = signatureProblem(last);
  if (weakness !== undefined) {
    search.rejection = rejectPeer("weak-algorithm", `${nameOf(path.length - 1)} ${weakness}`);
    return undefined;
  }
  for (const root of search.bundle.roots) {
    if (!canExtend(search, path, last, root)) continue;
    const revocation = revocationProblem(search, [...path, root]);
    if (revocation !== undefined) {
      search.rejection = revocation;
      continue;
    }
    const notAfterMs = Math.min(root.notAfterMs, ...path.map((one) => one.notAfterMs));
    return { ok: true, notAfterMs, root };
  }
  for (const candidate of search.candidates) {
    if (path.includes(candidate) || !canExtend(search, path, last, candidate)) continue;
    if (path.length > PATH_INTERMEDIATES_MAX) {
      search.rejection = rejectPeer(
        "chain-too-long",
        `peer certificate has more than ${PATH_INTERMEDIATES_MAX} signing certificates between it and a root`,
      );
      return undefined;
    }
    const found = findPath(search, [...path, candidate]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * RFC 5280 section 6.3 without its delta and indirect lists. As Envoy and OpenSSL have it with CRL_CHECK_ALL: once there
 * is a list for one issuer, each issuer on the path needs one. `path` ends with the root, which nobody revokes.
 */
function revocationProblem(
  search: Search,
  path: readonly Certificate[],
): PeerRejection | undefined {
  const { bundle, nowMs } = search;
  const { revocationLists = [] } = bundle;
  if (revocationLists.length === 0) return undefined;
  for (const [index, certificate] of path.slice(0, -1).entries()) {
    const issuer = path[index + 1];
    if (issuer === undefined) return undefined;
    const lists = revocationLists.filter(
      (list) =>
        list.issuerDer.equals(issuer.subjectDer) &&
        list.thisUpdateMs <= nowMs &&
        nowMs <= list.nextUpdateMs &&
        issuer.extensions.keyUsage?.hasCrlSign === true &&
        isListSignedBy(list, issuer.publicKey),
    );
    if (lists.length === 0) {
      return rejectPeer(
        "crl-missing",
        `no revocation list of the issuer of ${nameOf(index)} is valid now, although there are lists`,
      );
    }
    // Section 5.1.2.4: a later list takes the place of an earlier one.
    const newestMs = Math.max(...lists.map(({ thisUpdateMs }) => thisUpdateMs));
    const newest = lists.filter(({ thisUpdateMs }) => thisUpdateMs === newestMs);
    if (newest.some(({ serials }) => serials.has(certificate.serialHex))) {
      return rejectPeer("revoked", `${nameOf(index)} is on its issuer's revocation list`);
    }
  }
  return undefined;
}

/** Whether `issuer` issued `last`, and was allowed to at this place of the path. */
function canExtend(
  search: Search,
  path: readonly Certificate[],
  last: Certificate,
  issuer: Certificate,
): boolean {
  // RFC 5280 section 6.1.3(a)(4). Compared byte by byte, which is stricter than section 7.1.
  if (!issuer.subjectDer.equals(last.issuerDer)) return false;
  const problem = issuerProblem(search.nowMs, path, issuer);
  if (problem !== undefined) {
    search.rejection = problem;
    return false;
  }
  search.signatureChecks += 1;
  if (search.signatureChecks > SIGNATURE_CHECKS_MAX) {
    search.rejection = rejectPeer(
      "chain-too-long",
      `peer certificates needed more than ${SIGNATURE_CHECKS_MAX} signature checks`,
    );
    return false;
  }
  if (isIssuedBy(last, issuer)) return true;
  search.rejection = rejectPeer(
    "bad-signature",
    `${nameOf(path.length - 1)} was not signed by the key of the issuer that it names`,
  );
  return false;
}

/** RFC 5280 section 6.1.4, for the certificate that comes after `path`. Roots are held to it too. */
function issuerProblem(
  nowMs: number,
  path: readonly Certificate[],
  issuer: Certificate,
): PeerRejection | undefined {
  const name = nameOf(path.length);
  const { basicConstraints, keyUsage, extendedKeyUsage } = issuer.extensions;
  if (basicConstraints?.isCa !== true) {
    return rejectPeer("issuer-not-ca", `${name} is not that of a certificate authority`);
  }
  // X509-SVID section 4.3 makes key usage obligatory and critical.
  if (keyUsage?.isCritical !== true || !keyUsage.hasKeyCertSign) {
    return rejectPeer("issuer-not-ca", `${name} lacks the critical key usage keyCertSign`);
  }
  if (extendedKeyUsage !== undefined && !allowsPeers(extendedKeyUsage)) {
    return rejectPeer("issuer-not-ca", `${name} is not for server and client authentication`);
  }
  if (nowMs < issuer.notBeforeMs) {
    const inMs = issuer.notBeforeMs - nowMs;
    return rejectPeer("issuer-not-yet-valid", `${name} is valid in ${formatDuration(inMs)}`);
  }
  if (nowMs > issuer.notAfterMs) {
    const agoMs = nowMs - issuer.notAfterMs;
    return rejectPeer("issuer-expired", `${name} expired ${formatDuration(agoMs)} ago`);
  }
  const extensionProblem = criticalExtensionProblem(issuer, name);
  if (extensionProblem !== undefined) return extensionProblem;
  const weakness = publicKeyProblem(issuer.publicKey);
  if (weakness !== undefined) return rejectPeer("weak-key", `${name} ${weakness}`);
  // Section 6.1.4(l): self-issued certificates do not count, nor does the leaf.
  const below = path.slice(1).filter((c) => !c.subjectDer.equals(c.issuerDer)).length;
  const { pathLengthMax } = basicConstraints;
  if (pathLengthMax !== undefined && below > pathLengthMax) {
    return rejectPeer(
      "path-length-exceeded",
      `${name} allows ${pathLengthMax} signing certificates below it, the path has ${below}`,
    );
  }
  return undefined;
}

/** RFC 5280 section 6.1.4(o) and 6.1.5(e): what is critical must be understood. */
export function criticalExtensionProblem(
  certificate: Certificate,
  name: string,
): PeerRejection | undefined {
  const { hasNameConstraints, unknownCritical } = certificate.extensions;
  if (hasNameConstraints) {
    return rejectPeer("name-constraints", `${name} has name constraints, which are not supported`);
  }
  const [oid] = unknownCritical;
  if (oid === undefined) return undefined;
  return rejectPeer(
    "unknown-critical-extension",
    `${name} has the critical extension ${oid}, which is not supported`,
  );
}

function allowsPeers(purposes: ReadonlySet<string>): boolean {
  if (purposes.has(OID.anyExtendedKeyUsage)) return true;
  return purposes.has(OID.serverAuth) && purposes.has(OID.clientAuth);
}

function signatureProblem(certificate: Certificate): string | undefined {
  if (signatureAlgorithmOf(certificate.signatureAlgorithm) !== undefined) return undefined;
  const name = algorithmName(certificate.signatureAlgorithm);
  return `is signed with ${name}, which is not accepted`;
}

/** How a log line calls the certificate at this place of the path. */
function nameOf(index: number): string {
  return index === 0 ? "peer certificate" : `issuing certificate ${index} of the peer`;
}
