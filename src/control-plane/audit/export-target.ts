/** Reads `--audit-export URL` and makes what sends records there. */

import type { Clock } from "../../core/clock.ts";
import { controlPlaneError } from "../errors.ts";
import type { AuditSource } from "../telemetry/export/audit-log-event.ts";
import { auditLogEvent } from "../telemetry/export/audit-log-event.ts";
import type { ExportRoute } from "../telemetry/export/export-target.ts";
import { RotatingFile } from "../telemetry/export/file/rotating-file.ts";
import { OtlpHttpTarget } from "../telemetry/export/otlp/otlp-http-target.ts";
import { encodeLog } from "../telemetry/export/otlp/otlp-record.ts";
import { auditMessage } from "../telemetry/export/syslog/syslog-message.ts";
import { createSyslogTarget, type SyslogPlace } from "../telemetry/export/syslog/syslog-target.ts";

const OPTION = "--audit-export";
const SYSLOG_PORT_DEFAULT = 514;

export type AuditTarget = ExportRoute<"audit">;

export interface AuditExportContext extends AuditSource {
  readonly clock: Clock;
  /** Sent with OTLP: name and value. */
  readonly otlpHeaders: readonly (readonly [string, string])[];
}

/** Throws `option-invalid`. */
export function parseExportTarget(text: string, context: AuditExportContext): AuditTarget {
  const url = URL.parse(text);
  if (url === null) throw invalid(text);
  if (url.username !== "" || url.password !== "") {
    throw invalid(text, "secrets do not belong in it: OTEL_EXPORTER_OTLP_HEADERS takes them");
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || SYSLOG_PORT_DEFAULT);
  const { pathname: path } = url;
  switch (url.protocol) {
    case "file:":
      return fileTarget(decodeURIComponent(path), context);
    case "http:":
    case "https:":
      return otlpTarget(url, context);
    case "syslog+udp:":
      return syslogTarget({ transport: "Udp", host, port }, context);
    case "syslog+tcp:":
      return syslogTarget({ transport: "Tcp", host, port }, context);
    case "syslog+unix:":
      return syslogTarget({ transport: "Unix", path }, context);
    default:
      throw invalid(text);
  }
}

/** `name=value,name=value`, values percent-encoded, as OpenTelemetry has it. */
export function parseOtlpHeaders(text: string | undefined): AuditExportContext["otlpHeaders"] {
  return (text ?? "").split(",").flatMap((pair): readonly (readonly [string, string])[] => {
    const equals = pair.indexOf("=");
    if (equals < 1) return [];
    return [[pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim())]];
  });
}

/** Whoever collects the file rotates it. */
function fileTarget(path: string, { clock }: AuditExportContext): AuditTarget {
  return {
    signal: "audit",
    target: new RotatingFile({ path, rotation: undefined, clock }),
    encode: (record) => Buffer.from(`${JSON.stringify(record)}\n`),
  };
}

function otlpTarget(url: URL, context: AuditExportContext): AuditTarget {
  return {
    signal: "audit",
    target: new OtlpHttpTarget(url, "audit", {
      headers: Object.fromEntries(context.otlpHeaders),
      ...{ authentication: undefined, tls: undefined, isCompressed: true, clock: context.clock },
    }),
    encode: (record) => encodeLog(auditLogEvent(record, context)),
  };
}

function syslogTarget(place: SyslogPlace, { mesh }: AuditExportContext): AuditTarget {
  return {
    signal: "audit",
    target: createSyslogTarget(place),
    encode: (record) => Buffer.from(auditMessage(record, mesh)),
  };
}

function invalid(text: string, why = "it is no place that records can be sent to"): Error {
  const shown = text.replace(/\/\/[^/@]*@/, "//…@");
  return controlPlaneError(
    { code: "option-invalid", option: OPTION },
    `${OPTION}: "${shown}": ${why}: write file:///PATH, http(s)://HOST:4318/v1/logs, syslog+udp://HOST:514, syslog+tcp://HOST:601 or syslog+unix:///PATH`,
  );
}
