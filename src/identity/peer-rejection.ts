/** Why a peer is refused: a stable code for metrics and tests, and a sentence for a log line. */

export type PeerRejectionCode =
  /** The peer sent no certificate. */
  | "no-certificate"
  /** More certificates, or more ways to combine them, than are looked at. */
  | "chain-too-long"
  /** A certificate is not DER, not version 3, or breaks the syntax of RFC 5280. */
  | "malformed"
  /** Not exactly one URI subject alternative name. */
  | "uri-san-count"
  /** The URI is no SPIFFE id, not in its canonical form, or names no workload. */
  | "not-spiffe"
  /** A signing certificate was presented as identity. */
  | "ca-as-leaf"
  /** No bundle, or an empty one, for the trust domain of the peer. */
  | "untrusted-domain"
  /** The subject is empty and the alternative names are not critical. */
  | "san-not-critical"
  /** Key usage missing, not critical, without digitalSignature, or with a right to sign. */
  | "bad-key-usage"
  /** Extended key usage present without both server and client authentication. */
  | "bad-extended-key-usage"
  /** A critical extension that is not understood. */
  | "unknown-critical-extension"
  /** Name constraints, which are not supported and therefore refused. */
  | "name-constraints"
  /** A signature algorithm that is not accepted, such as SHA-1. */
  | "weak-algorithm"
  /** A key that is too small or of a kind not accepted. */
  | "weak-key"
  | "expired"
  | "not-yet-valid"
  /** No path from the certificate to a root of the bundle. */
  | "untrusted-issuer"
  /** Names lead to an issuer whose key did not make the signature. */
  | "bad-signature"
  | "issuer-expired"
  | "issuer-not-yet-valid"
  /** An issuer on the path may not sign certificates. */
  | "issuer-not-ca"
  /** An issuer on the path allows fewer signing certificates below it. */
  | "path-length-exceeded"
  /** An authority of the path has revoked the certificate, or the mesh has revoked it or its identity. */
  | "revoked"
  /** Revocation lists are in force and none is there that speaks for this issuer now. */
  | "crl-missing"
  /** The peer is who it says, and not one of those expected. */
  | "unexpected-identity";

export interface PeerRejection {
  readonly ok: false;
  readonly code: PeerRejectionCode;
  /** A sentence without capital and full stop. Holds nothing that could break a log line. */
  readonly reason: string;
}

export function rejectPeer(code: PeerRejectionCode, reason: string): PeerRejection {
  return { ok: false, code, reason };
}

/** "3 minutes", rounded down, in the largest unit that gives at least one. */
export function formatDuration(ms: number): string {
  for (const [unit, unitMs] of [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
  ] as const) {
    if (ms >= unitMs) return count(Math.floor(ms / unitMs), unit);
  }
  return count(Math.floor(ms / 1000), "second");
}

function count(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}
