/** Reads `--audit-export URL` and makes what sends records there. */
import { controlPlaneError } from "../errors.ts";
import type { AuditTarget } from "./export-queue.ts";
import { FileTarget } from "./file-target.ts";
import { type ExportContext, OtlpTarget } from "./otlp-target.ts";
import { SyslogTarget } from "./syslog-target.ts";

const OPTION = "--audit-export";
const SYSLOG_PORT_DEFAULT = 514;

/** Throws `option-invalid`. */
export function parseExportTarget(text: string, context: ExportContext): AuditTarget {
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
      return new FileTarget(decodeURIComponent(path));
    case "http:":
    case "https:":
      return new OtlpTarget(url, context);
    case "syslog+udp:":
      return new SyslogTarget({ kind: "udp", host, port }, context.mesh);
    case "syslog+tcp:":
      return new SyslogTarget({ kind: "tcp", host, port }, context.mesh);
    case "syslog+unix:":
      return new SyslogTarget({ kind: "unix", path }, context.mesh);
    default:
      throw invalid(text);
  }
}

/** `name=value,name=value`, values percent-encoded, as OpenTelemetry has it. */
export function parseOtlpHeaders(text: string | undefined): ExportContext["otlpHeaders"] {
  return (text ?? "").split(",").flatMap((pair): readonly (readonly [string, string])[] => {
    const equals = pair.indexOf("=");
    if (equals < 1) return [];
    return [[pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim())]];
  });
}

function invalid(text: string, why = "it is no place that records can be sent to"): Error {
  const shown = text.replace(/\/\/[^/@]*@/, "//…@");
  return controlPlaneError(
    { code: "option-invalid", option: OPTION },
    `${OPTION}: "${shown}": ${why}: write file:///PATH, http(s)://HOST:4318/v1/logs, syslog+udp://HOST:514, syslog+tcp://HOST:601 or syslog+unix:///PATH`,
  );
}
