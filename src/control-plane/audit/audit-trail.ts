/** Where what must not be forgotten is told. Whoever has something to tell knows this much of the audit log. */
import type { AuditEvent } from "../../telemetry/audit/audit-record.ts";

export interface AuditTrail {
  /** Written when it returns. Never throws: what cannot be written is counted, logged, and told by `isWritable`. */
  record(event: AuditEvent): void;
  /** Whether what is recorded now would be written. Changes are refused while it is not. */
  isWritable(): boolean;
}
