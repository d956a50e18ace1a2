/** What the audit log counts. */
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../../telemetry/metric-registry.ts";
import type { AuditLog } from "./audit-log.ts";
import { SECURITY_EVENT_KINDS } from "./security-events.ts";

export interface AuditMetrics {
  /** Label `kind`. */
  readonly records: SeriesSource<Counter>;
  /** Label `kind`. */
  readonly securityEvents: SeriesSource<Counter>;
}

export function createAuditMetrics(registry: MetricRegistry, log: AuditLog): AuditMetrics {
  const failures = registry
    .gauge("tulle_audit_write_failures", "Records that could not be written to the audit log.")
    .with({});
  const sequence = registry
    .gauge("tulle_audit_sequence", "The number of the newest record of the audit log.")
    .with({});
  registry.onCollect(() => {
    failures.set(log.failures);
    sequence.set(log.head.seq);
  });
  const securityEvents = registry.counter(
    "tulle_security_events_total",
    "Suspicious patterns in the audit log, by kind: denial-burst, service-scan, expired-certificates, failed-logins.",
  );
  for (const kind of SECURITY_EVENT_KINDS) securityEvents.with({ kind }).add(0);
  return {
    securityEvents,
    records: registry.counter("tulle_audit_records_total", "Records of the audit log, by kind."),
  };
}
