/** Records as syslog messages (RFC 5424). */
import { hostname } from "node:os";
import type { AuditRecord } from "../../../../telemetry/audit/audit-record.ts";
import { ACCESS_ATTRIBUTE } from "../../../../telemetry/otlp/access-log-attributes.ts";
import type { LogEvent } from "../../telemetry-record.ts";
import { eventLine, isoTime } from "../log-document.ts";

/** RFC 5612: the number for examples, for want of one of our own. */
const STRUCTURE = "tulle@32473";
/** RFC 5424 section 6: so long a field may be. */
const HOST_MAX = 255;
const APP_MAX = 48;
const MESSAGE_ID_MAX = 32;
const AUDIT_SEVERITY = { ok: 6, refused: 4, failed: 3 } as const;
/** RFC 5424 section 6.2.1. */
const LOCAL0 = 16;
const LOG_AUDIT = 13;

interface Message {
  readonly priority: number;
  readonly time: string;
  readonly host: string;
  readonly app: string;
  readonly processId: string;
  readonly messageId: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly document: unknown;
}

/** RFC 5424 section 6.2.1: 13 is "log audit". The message is the record as JSON. */
export function auditMessage(record: AuditRecord, mesh: string, facility = LOG_AUDIT): string {
  return format({
    priority: facility * 8 + (AUDIT_SEVERITY[record.outcome] ?? AUDIT_SEVERITY.ok),
    time: record.time,
    host: hostname(),
    app: "tulle",
    processId: String(process.pid),
    messageId: record.kind,
    parameters: [
      ["mesh", mesh],
      ["seq", String(record.seq)],
      ["action", record.action],
      ["actor", record.actor?.name ?? ""],
      ["hash", record.hash],
    ],
    document: record,
  });
}

export function eventMessage(event: LogEvent, facility = LOCAL0): string {
  const { resource, attributes } = event;
  const status = attributes[ACCESS_ATTRIBUTE.responseCode];
  const optional = [
    ["namespace", resource.namespace],
    ["trace_id", event.traceId],
    ["span_id", event.spanId],
    ["response_code", status === undefined ? "" : String(status)],
    ["response_flags", String(attributes[ACCESS_ATTRIBUTE.responseFlags] ?? "")],
  ] as const;
  return format({
    priority: facility * 8 + severityOf(event.severity),
    time: isoTime(event.timeNs),
    host: resource.instance,
    app: resource.service,
    processId: "-",
    messageId: event.eventName,
    parameters: optional.filter(([, value]) => value !== ""),
    document: eventLine(event).document,
  });
}

/** RFC 5424 section 6. A byte order mark says that the message is UTF-8 (section 6.4). */
function format(message: Message): string {
  const { priority, time, host, app, processId, messageId, parameters, document } = message;
  const data = parameters.map(([name, value]) => ` ${name}="${escapeParameter(value)}"`).join("");
  const names = [
    printable(host, HOST_MAX),
    printable(app, APP_MAX),
    processId,
    printable(messageId, MESSAGE_ID_MAX),
  ].join(" ");
  return `<${priority}>1 ${time} ${names} [${STRUCTURE}${data}] \u{feff}${JSON.stringify(document)}`;
}

/** Of OpenTelemetry's numbers (logs data model, appendix B, "Syslog"). */
function severityOf(severity: number): number {
  if (severity >= 21) return 2;
  if (severity >= 17) return 3;
  if (severity >= 13) return 4;
  return severity >= 9 ? 6 : 7;
}

/** RFC 5424 section 6: PRINTUSASCII, or a dash for nothing. */
function printable(text: string, lengthMax: number): string {
  return text.replaceAll(/[^!-~]/g, "").slice(0, lengthMax) || "-";
}

/** RFC 5424 section 6.3.3: a quote, a backslash and a bracket are escaped. */
function escapeParameter(value: string): string {
  return value.replaceAll(/["\\\]]/g, "\\$&").replaceAll(/[\r\n]/g, " ");
}
