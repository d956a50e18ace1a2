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
import { pack } from "./message.ts";

/** Istio's keys in its order, then who called and how often the request was tried. */
const JSON_FORMAT: Readonly<Record<string, string>> = {
  start_time: "%START_TIME%",
  route_name: "%ROUTE_NAME%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  response_code: "%RESPONSE_CODE%",
  response_flags: "%RESPONSE_FLAGS%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  duration: "%DURATION%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
  user_agent: "%REQ(USER-AGENT)%",
  request_id: "%REQ(X-REQUEST-ID)%",
  authority: "%REQ(:AUTHORITY)%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
  source_principal: "%DOWNSTREAM_PEER_URI_SAN%",
  traceparent: "%REQ(TRACEPARENT)%",
};

/** Means the sidecar's own standard output, which `tulle run` passes on; Envoy has an extension for it. */
const STDOUT = "/dev/stdout";

/** Empty when access logs are off. */
export function accessLogs(config: MeshConfigSpec["accessLog"]): readonly AccessLog[] {
  if (!config.enabled) return [];
  const logFormat = create(SubstitutionFormatStringSchema, {
    format: { case: "jsonFormat", value: { ...JSON_FORMAT } },
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
