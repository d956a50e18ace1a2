/** A log record as one flat JSON object: access logs have the keys that sidecars write themselves, which are Istio's. */
import type { AuditRecord } from "../../../telemetry/audit/audit-record.ts";
import { ACCESS_ATTRIBUTE } from "../../../telemetry/otlp/access-log-attributes.ts";
import type { Attributes, LogEvent } from "../telemetry-record.ts";
import { type AuditSource, auditLogEvent } from "./audit-log-event.ts";

/** Logs data model, "Displaying Severity". */
const SEVERITY_TEXTS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;

export type LogDocument = Readonly<Record<string, unknown>>;

/** What targets that know lines, not attributes, are given. */
export interface LogLine {
  readonly event: LogEvent;
  readonly document: LogDocument;
}

/** From attributes to keys; the others keep their names. */
const KEYS: Readonly<Record<string, string>> = {
  [ACCESS_ATTRIBUTE.startTime]: "start_time",
  [ACCESS_ATTRIBUTE.routeName]: "route_name",
  [ACCESS_ATTRIBUTE.method]: "method",
  [ACCESS_ATTRIBUTE.path]: "path",
  [ACCESS_ATTRIBUTE.protocol]: "protocol",
  [ACCESS_ATTRIBUTE.responseCode]: "response_code",
  [ACCESS_ATTRIBUTE.grpcStatus]: "grpc_status",
  [ACCESS_ATTRIBUTE.responseFlags]: "response_flags",
  [ACCESS_ATTRIBUTE.responseCodeDetails]: "response_code_details",
  [ACCESS_ATTRIBUTE.connectionTerminationDetails]: "connection_termination_details",
  [ACCESS_ATTRIBUTE.failureReason]: "upstream_transport_failure_reason",
  [ACCESS_ATTRIBUTE.bytesReceived]: "bytes_received",
  [ACCESS_ATTRIBUTE.bytesSent]: "bytes_sent",
  [ACCESS_ATTRIBUTE.duration]: "duration",
  [ACCESS_ATTRIBUTE.upstreamServiceTime]: "upstream_service_time",
  [ACCESS_ATTRIBUTE.attempts]: "attempts",
  [ACCESS_ATTRIBUTE.forwardedFor]: "x_forwarded_for",
  [ACCESS_ATTRIBUTE.userAgent]: "user_agent",
  [ACCESS_ATTRIBUTE.requestId]: "request_id",
  [ACCESS_ATTRIBUTE.authority]: "authority",
  [ACCESS_ATTRIBUTE.upstreamHost]: "upstream_host",
  [ACCESS_ATTRIBUTE.upstreamCluster]: "upstream_cluster",
  [ACCESS_ATTRIBUTE.downstreamLocalAddress]: "downstream_local_address",
  [ACCESS_ATTRIBUTE.downstreamRemoteAddress]: "downstream_remote_address",
  [ACCESS_ATTRIBUTE.requestedServerName]: "requested_server_name",
  [ACCESS_ATTRIBUTE.sourcePrincipal]: "source_principal",
  [ACCESS_ATTRIBUTE.destinationHost]: "destination_host",
  [ACCESS_ATTRIBUTE.destinationService]: "destination_service",
  [ACCESS_ATTRIBUTE.destinationNamespace]: "destination_namespace",
  [ACCESS_ATTRIBUTE.reporter]: "reporter",
  [ACCESS_ATTRIBUTE.policy]: "policy",
  [ACCESS_ATTRIBUTE.policyRule]: "policy_rule",
  [ACCESS_ATTRIBUTE.policyReason]: "policy_reason",
  [ACCESS_ATTRIBUTE.requestBody]: "request_body",
  [ACCESS_ATTRIBUTE.responseBody]: "response_body",
  [ACCESS_ATTRIBUTE.eventName]: "event_name",
};
/** Envoy writes numbers as text. */
const NUMBERS: ReadonlySet<string> = new Set([
  ACCESS_ATTRIBUTE.responseCode,
  ACCESS_ATTRIBUTE.grpcStatus,
  ACCESS_ATTRIBUTE.bytesReceived,
  ACCESS_ATTRIBUTE.bytesSent,
  ACCESS_ATTRIBUTE.duration,
  ACCESS_ATTRIBUTE.upstreamServiceTime,
  ACCESS_ATTRIBUTE.attempts,
]);

export function eventLine(event: LogEvent): LogLine {
  return { event, document: logDocument(event) };
}

/** An audit record goes out as it stands in the log: its chain of hashes can be verified elsewhere. */
export function auditLine(record: AuditRecord, source: AuditSource): LogLine {
  return { event: auditLogEvent(record, source), document: { ...record } };
}

function logDocument(event: LogEvent): LogDocument {
  const { resource, traceId, spanId } = event;
  const document: Record<string, unknown> = {
    time: isoTime(event.timeNs),
    severity: severityText(event.severity),
    event_name: event.eventName,
    service: resource.service,
    namespace: resource.namespace,
    ...(resource.version === "" ? {} : { version: resource.version }),
    ...(resource.instance === "" ? {} : { instance: resource.instance }),
  };
  for (const [name, value] of Object.entries(event.attributes)) {
    document[KEYS[name] ?? name] = NUMBERS.has(name) ? numberOf(value) : value;
  }
  if (traceId !== "") document["trace_id"] = traceId;
  if (spanId !== "") document["span_id"] = spanId;
  document["message"] = messageOf(event);
  return document;
}

/** The name of a range of four severities. */
export function severityText(severity: number): (typeof SEVERITY_TEXTS)[number] {
  return SEVERITY_TEXTS[Math.floor((Math.min(24, Math.max(1, severity)) - 1) / 4)] ?? "INFO";
}

/** For people: what it says, or `GET /items 200`. */
export function messageOf({ body, attributes }: LogEvent): string {
  if (body !== "") return body;
  const names = [ACCESS_ATTRIBUTE.method, ACCESS_ATTRIBUTE.path, ACCESS_ATTRIBUTE.responseCode];
  return names.flatMap((name) => attributes[name] ?? []).join(" ");
}

/** A number where there is one, else as it was. */
export function numberOf(value: unknown): unknown {
  if (typeof value !== "string" || value.trim() === "") return value;
  const number = Number(value);
  return Number.isFinite(number) ? number : value;
}

/** The number that an attribute has, as number or as text. */
export function numberAt(attributes: Attributes, name: string): number | undefined {
  const value = numberOf(attributes[name]);
  return typeof value === "number" ? value : undefined;
}

/** ISO 8601 in UTC, with microseconds: what RFC 5424 and RFC 3339 allow. */
export function isoTime(timeNs: bigint): string {
  const ms = Number(timeNs / 1_000_000n);
  const micros = Number((timeNs / 1000n) % 1000n);
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, -1)}${String(micros).padStart(3, "0")}Z`;
}
