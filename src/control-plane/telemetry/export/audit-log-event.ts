/** An audit record as a log record, for targets that know logs only. */
import type { AuditRecord } from "../../../telemetry/audit/audit-record.ts";
import type { AttributeValue, LogEvent, TelemetryResource } from "../telemetry-record.ts";

/** Logs data model, SeverityNumber. */
const SEVERITIES = { ok: 9, refused: 13, failed: 17 } as const;

export interface AuditSource {
  readonly mesh: string;
  readonly version: string;
}

export function auditLogEvent(record: AuditRecord, source: AuditSource): LogEvent {
  return {
    resource: controlPlaneResource(source),
    timeNs: BigInt(Date.parse(record.time)) * 1_000_000n,
    severity: SEVERITIES[record.outcome] ?? SEVERITIES.ok,
    eventName: `tulle.audit.${record.kind}`,
    body: record.message ?? `${record.kind} ${record.action}`,
    traceId: "",
    spanId: "",
    attributes: attributesOf(record),
  };
}

function controlPlaneResource({ mesh, version }: AuditSource): TelemetryResource {
  return {
    ...{ service: "tulle-control-plane", namespace: "tulle-system", version, instance: "" },
    principal: "",
    attributes: { "tulle.mesh": mesh },
  };
}

function attributesOf(record: AuditRecord): LogEvent["attributes"] {
  const { actor, object, details = {} } = record;
  const attributes: Record<string, AttributeValue> = {
    "tulle.audit.seq": record.seq,
    "tulle.audit.kind": record.kind,
    "tulle.audit.action": record.action,
    "tulle.audit.outcome": record.outcome,
    "tulle.audit.prev": record.prev,
    "tulle.audit.hash": record.hash,
  };
  const optional = [
    ["tulle.audit.actor", actor?.name],
    ["tulle.audit.role", actor?.role],
    ["tulle.audit.method", actor?.method],
    ["client.address", actor?.address],
    ["tulle.object.kind", object?.kind],
    ["tulle.object.namespace", object?.namespace],
    ["tulle.object.name", object?.name],
  ] as const;
  for (const [key, value] of optional) {
    if (value !== undefined && value !== "") attributes[key] = value;
  }
  for (const [key, value] of Object.entries(details)) {
    attributes[`tulle.details.${key}`] = attributeOf(value);
  }
  return attributes;
}

function attributeOf(value: unknown): AttributeValue {
  if (typeof value === "boolean" || typeof value === "string") return value;
  return typeof value === "number" ? value : JSON.stringify(value);
}
