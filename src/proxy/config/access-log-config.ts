/** Access logs of a listener: where lines go and how they look. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import type { AccessLog } from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { SubstitutionFormatString } from "../../gen/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { StdoutAccessLogSchema } from "../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import {
  defaultLineFormat,
  jsonLineFormat,
  type LineFormat,
  textLineFormat,
} from "../../telemetry/access-log-format.ts";

export interface AccessLogConfig {
  readonly path: string;
  readonly format: LineFormat;
}

export function compileAccessLog(
  log: AccessLog,
  path: string,
  errors: FieldError[],
): AccessLogConfig {
  const any = log.configType.value;
  const at = `${path}.typed_config`;
  const file = any === undefined ? undefined : anyUnpack(any, FileAccessLogSchema);
  if (file !== undefined) {
    if (file.path === "") errors.push({ path: `${at}.path`, message: "a path is required" });
    const format = file.accessLogFormat;
    const given = format.case === "logFormat" ? format.value : undefined;
    return { path: file.path, format: compileFormat(given, `${at}.log_format`, errors) };
  }
  const stdout = any === undefined ? undefined : anyUnpack(any, StdoutAccessLogSchema);
  if (stdout === undefined) {
    errors.push({ path: at, message: "only file and stdout access logs are implemented" });
  }
  const format = stdout?.accessLogFormat;
  const given = format?.case === "logFormat" ? format.value : undefined;
  return { path: "/dev/stdout", format: compileFormat(given, `${at}.log_format`, errors) };
}

function compileFormat(
  format: SubstitutionFormatString | undefined,
  path: string,
  errors: FieldError[],
): LineFormat {
  const kind = format?.format;
  switch (kind?.case) {
    case undefined:
      return defaultLineFormat();
    case "jsonFormat": {
      const fields: Record<string, string> = {};
      for (const [key, value] of Object.entries(kind.value)) {
        if (typeof value === "string") fields[key] = value;
        else
          errors.push({
            path: `${path}.json_format.${key}`,
            message: "only text values are implemented",
          });
      }
      return jsonLineFormat(fields, (key, message) => {
        errors.push({ path: `${path}.json_format.${key}`, message });
      });
    }
    case "textFormatSource": {
      const source = kind.value.specifier;
      const text = source.case === "inlineString" ? source.value : "";
      const at = `${path}.text_format_source.inline_string`;
      if (text === "") errors.push({ path: at, message: "is required" });
      return textLineFormat(text, (message) => errors.push({ path: at, message }));
    }
    default:
      errors.push({ path, message: "only json_format and text_format_source are implemented" });
      return defaultLineFormat();
  }
}
