/** What happens to identities, as the audit log tells it. */
import type { CertificateRefused, IssuedRecord } from "../../identity/certificate-service.ts";
import type { DenyList } from "../../identity/deny-list.ts";
import type { PeerRejection } from "../../identity/peer-rejection.ts";
import type { AuditEvent } from "../../telemetry/audit/audit-record.ts";

/** Revoked identities and certificates that are named in a record. */
const NAMED_MAX = 32;

export function issuedEvent(record: IssuedRecord): AuditEvent {
  const { spiffeId, instance, serialHex, notAfterMs, method } = record;
  return {
    kind: "certificate-issued",
    action: "issued",
    actor: { name: spiffeId, method },
    outcome: "ok",
    details: {
      serial: serialHex,
      ...(instance === "" ? {} : { instance }),
      notAfter: new Date(notAfterMs).toISOString(),
    },
  };
}

export function refusedCertificateEvent({ peer, status, reason }: CertificateRefused): AuditEvent {
  // Who showed nothing, or something wrong, did not authenticate; others may not have what they ask for.
  const isUnknown = status === "UNAUTHENTICATED";
  return {
    kind: isUnknown ? "authentication-failed" : "certificate-refused",
    action: "SignCertificate",
    actor: { name: "unknown", address: peer.slice(0, Math.max(0, peer.lastIndexOf(":"))) },
    outcome: status === "INTERNAL" ? "failed" : "refused",
    message: reason,
    details: { status },
  };
}

export function refusedPeerEvent(
  refused: PeerRejection & { readonly address: string },
): AuditEvent {
  return {
    kind: "authentication-failed",
    action: "TLS handshake with the control plane",
    actor: { name: "unknown", method: "certificate", address: refused.address },
    outcome: "refused",
    message: refused.reason,
    details: { code: refused.code },
  };
}

export function revocationsEvent({ spiffeIds, serials }: DenyList): AuditEvent {
  return {
    kind: "revocations-changed",
    action: "in force",
    outcome: "ok",
    message: `${spiffeIds.size} identities and ${serials.size} certificates are revoked`,
    details: {
      identities: [...spiffeIds].slice(0, NAMED_MAX),
      serials: [...serials].slice(0, NAMED_MAX),
    },
  };
}
