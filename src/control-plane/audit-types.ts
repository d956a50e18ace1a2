/** The admin API's types about the audit log. Types only. */
import type { AuditRecord } from "../telemetry/audit/audit-record.ts";
import type { AuditVerification } from "../telemetry/audit/verify-audit.ts";

// ---- GET /api/v1/audit ----
// Query: kind, actor, object, text, since, until, afterSeq, limit (1 to 1000, default 100).

export interface AuditResponse {
  /** In the order in which they happened: the newest that match, or with `afterSeq` the oldest after it. */
  readonly records: readonly AuditRecord[];
  /** Where the log ends. */
  readonly head: { readonly seq: number; readonly hash: string };
}

// ---- GET /api/v1/audit/verification ----

export type AuditVerificationResponse = AuditVerification;
