/**
 * Access logs as MeshConfig asks for them: one JSON line a request with Istio's keys. The format is
 * spelled out, so that an Envoy in place of our sidecar writes the same lines.
 */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { type AccessLog, AccessLogSchema } from "../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { SubstitutionFormatStringSchema } from "../gen/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "../gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { StdoutAccessLogSchema } from "../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { MeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import { ISTIO_JSON_FORMAT } from "../telemetry/access-log-format.ts";
import { pack } from "./message.ts";

/** Means the sidecar's own standard output, which `tulle run` passes on; Envoy has an extension for it. */
const STDOUT = "/dev/stdout";

/** Empty when access logs are off. */
export function accessLogs(config: MeshConfigSpec["accessLog"]): readonly AccessLog[] {
  if (!config.enabled) return [];
  const logFormat = create(SubstitutionFormatStringSchema, {
    format: { case: "jsonFormat", value: { ...ISTIO_JSON_FORMAT } },
  });
  const accessLogFormat = { case: "logFormat", value: logFormat } as const;
  if (config.path === STDOUT) {
    const stdout = create(StdoutAccessLogSchema, { accessLogFormat });
    return [accessLog("envoy.access_loggers.stdout", pack(StdoutAccessLogSchema, stdout))];
  }
  const file = create(FileAccessLogSchema, { path: config.path, accessLogFormat });
  return [accessLog("envoy.access_loggers.file", pack(FileAccessLogSchema, file))];
}

function accessLog(name: string, value: Any): AccessLog {
  return create(AccessLogSchema, { name, configType: { case: "typedConfig", value } });
}
