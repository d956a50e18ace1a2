/** Access logs of a listener compiled: where records go, which requests they are about, what they say. */
import { hostname } from "node:os";
import type { JsonObject } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import type { AccessLog } from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { SubstitutionFormatString } from "../../gen/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { OpenTelemetryAccessLogConfigSchema } from "../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from "../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { ISTIO_JSON_FORMAT } from "../../telemetry/access-log/istio-format.ts";
import {
  type JsonTemplate,
  jsonLineFormat,
  type LineFormat,
  type LineOptions,
  textLineFormat,
} from "../../telemetry/access-log/line-format.ts";
import { compileLogFilter, type LogFilter } from "./log-filter.ts";
import { LogNeeds } from "./log-needs.ts";
import { compileRecords, type RecordsConfig } from "./records-config.ts";

export type AccessLogConfig = LinesConfig | RecordsConfig;

/** Lines of a file or of one of the process's own streams. */
export interface LinesConfig {
  readonly kind: "lines";
  readonly path: string;
  readonly format: LineFormat;
  readonly filter: LogFilter | undefined;
}

/** All access logs of a listener, with what they want to be remembered of a request. */
export interface AccessLogsConfig {
  readonly logs: readonly AccessLogConfig[];
  readonly needs: LogNeeds;
}

export function compileAccessLogs(
  logs: readonly AccessLog[],
  path: string,
  errors: FieldError[],
): AccessLogsConfig {
  const needs = new LogNeeds();
  return {
    logs: logs.map((log, index) => compileAccessLog(log, `${path}[${index}]`, needs, errors)),
    needs,
  };
}

function compileAccessLog(
  log: AccessLog,
  path: string,
  needs: LogNeeds,
  errors: FieldError[],
): AccessLogConfig {
  const any = log.configType.value;
  const at = `${path}.typed_config`;
  const filter = compileLogFilter(log.filter, `${path}.filter`, errors);
  const lines = (to: string, format: SubstitutionFormatString | undefined): LinesConfig => ({
    ...{ kind: "lines", path: to, filter },
    format: compileFormat(format, `${at}.log_format`, needs, errors),
  });
  const file = any && anyUnpack(any, FileAccessLogSchema);
  if (file !== undefined) {
    if (file.path === "") errors.push({ path: `${at}.path`, message: "a path is required" });
    return lines(file.path, formatOf(file.accessLogFormat));
  }
  const stdout = any && anyUnpack(any, StdoutAccessLogSchema);
  if (stdout !== undefined) return lines("/dev/stdout", formatOf(stdout.accessLogFormat));
  const stderr = any && anyUnpack(any, StderrAccessLogSchema);
  if (stderr !== undefined) return lines("/dev/stderr", formatOf(stderr.accessLogFormat));
  const records = any && anyUnpack(any, OpenTelemetryAccessLogConfigSchema);
  if (records !== undefined) {
    return compileRecords(
      records,
      filter,
      { path: at, needs, surroundings: surroundings() },
      errors,
    );
  }
  const message = "only file, stdout, stderr and open_telemetry access logs are implemented";
  errors.push({ path: at, message });
  return lines("/dev/stdout", undefined);
}

interface OneOf {
  readonly case?: string | undefined;
  readonly value?: unknown;
}

function formatOf(format: OneOf): SubstitutionFormatString | undefined {
  return format.case === "logFormat" ? (format.value as SubstitutionFormatString) : undefined;
}

function surroundings(): LineOptions["surroundings"] {
  return { environment: process.env, hostname: hostname() };
}

function compileFormat(
  format: SubstitutionFormatString | undefined,
  path: string,
  needs: LogNeeds,
  errors: FieldError[],
): LineFormat {
  const kind = format?.format;
  const options = {
    omitsEmpty: format?.omitEmptyValues ?? false,
    surroundings: surroundings(),
  };
  const asJson = (fields: JsonObject, at: string): LineFormat => {
    needs.addTemplate(fields);
    return jsonLineFormat(
      fields as { readonly [key: string]: JsonTemplate },
      options,
      (key, message) => errors.push({ path: `${at}.${key}`, message }),
    );
  };
  switch (kind?.case) {
    case undefined:
      return asJson({ ...ISTIO_JSON_FORMAT }, path);
    case "jsonFormat":
      return asJson(kind.value, `${path}.json_format`);
    case "textFormatSource": {
      const source = kind.value.specifier;
      const text = source.case === "inlineString" ? source.value : "";
      const at = `${path}.text_format_source.inline_string`;
      if (text === "") errors.push({ path: at, message: "is required" });
      needs.addFormat(text);
      return textLineFormat(text, options, (message) => errors.push({ path: at, message }));
    }
    default:
      errors.push({ path, message: "only json_format and text_format_source are implemented" });
      return asJson({ ...ISTIO_JSON_FORMAT }, path);
  }
}
