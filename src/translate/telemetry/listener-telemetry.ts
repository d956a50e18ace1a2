/** What a listener tells of its requests and connections, of the policies that hold for them. */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type AccessLog,
  AccessLogSchema,
} from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { ApiVersion } from "../../gen/envoy/config/core/v3/config_source_pb.js";
import { GrpcService_EnvoyGrpcSchema } from "../../gen/envoy/config/core/v3/grpc_service_pb.js";
import { SubstitutionFormatStringSchema } from "../../gen/envoy/config/core/v3/substitution_format_string_pb.js";
import { FileAccessLogSchema } from "../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { OpenTelemetryAccessLogConfigSchema } from "../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from "../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import {
  type HttpConnectionManager_ProxyStatusConfig,
  HttpConnectionManager_ProxyStatusConfigSchema,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { KeyValueSchema } from "../../gen/opentelemetry/proto/common/v1/common_pb.js";
import type { AccessLogSpec } from "../../resource/kinds/access-log-settings.ts";
import { duration, pack } from "../message.ts";
import { accessLogFilter } from "./access-log-filter.ts";
import { jsonFormat, type Redaction, recordAttributes, textFormat } from "./access-log-formats.ts";
import { TELEMETRY_CLUSTER } from "./control-plane-cluster.ts";
import type { EffectiveTelemetry } from "./telemetry-index.ts";

/** Istio's name for the log of OTLP. */
const LOG_NAME = "otel_envoy_accesslog";
const FLUSH_INTERVAL_MS = 1000;
const BUFFER_BYTES = 1_048_576;

/** Istio's words: requests that the workload sends, or that it gets. */
export type ListenerSide = "CLIENT" | "SERVER";

export interface ListenerTelemetry {
  readonly accessLogs: readonly AccessLog[];
  readonly proxyStatusConfig: HttpConnectionManager_ProxyStatusConfig | undefined;
}

/** `hasReceiver`: the control plane can be told. */
export function listenerTelemetry(
  effective: EffectiveTelemetry,
  side: ListenerSide,
  hasReceiver: boolean,
): ListenerTelemetry {
  const logs = [
    ...effective.accessLogs.value,
    ...(hasReceiver ? effective.controlPlaneLogs.value : []),
  ];
  const { proxyStatus } = effective;
  return {
    accessLogs: logs
      .filter(({ match, disabled }) => !disabled && isOf(match?.mode, side))
      .map((log) => accessLog(log, side, effective.redactedHeaders)),
    proxyStatusConfig:
      proxyStatus?.value.enabled === true
        ? create(HttpConnectionManager_ProxyStatusConfigSchema, {
            removeDetails: !proxyStatus.value.details,
            removeConnectionTerminationDetails: !proxyStatus.value.details,
            removeResponseFlags: !proxyStatus.value.details,
            proxyName: { case: "useNodeId", value: true },
          })
        : undefined,
  };
}

function isOf(mode: NonNullable<AccessLogSpec["match"]>["mode"] | undefined, side: ListenerSide) {
  return mode === undefined || mode === "CLIENT_AND_SERVER" || mode === side;
}

function accessLog(
  log: AccessLogSpec,
  side: ListenerSide,
  forbidden: ReadonlySet<string>,
): AccessLog {
  const names = (log.redact?.headers ?? []).map((name) => name.toLowerCase());
  const redaction: Redaction = {
    headers: names.length === 0 ? forbidden : new Set([...forbidden, ...names]),
    isQueryRemoved: log.redact?.query === "All",
  };
  const { name, value } = logger(log, side, redaction);
  const filter = accessLogFilter(log);
  return create(AccessLogSchema, {
    name,
    configType: { case: "typedConfig", value },
    ...(filter === undefined ? {} : { filter }),
  });
}

function logger(
  log: AccessLogSpec,
  side: ListenerSide,
  redaction: Redaction,
): { readonly name: string; readonly value: Any } {
  if (log.output === "ControlPlane") {
    return {
      name: "envoy.access_loggers.open_telemetry",
      value: pack(OpenTelemetryAccessLogConfigSchema, records(log, side, redaction)),
    };
  }
  const accessLogFormat = { case: "logFormat", value: lineFormat(log, redaction) } as const;
  switch (log.output) {
    case "Stdout": {
      const message = create(StdoutAccessLogSchema, { accessLogFormat });
      return { name: "envoy.access_loggers.stdout", value: pack(StdoutAccessLogSchema, message) };
    }
    case "Stderr": {
      const message = create(StderrAccessLogSchema, { accessLogFormat });
      return { name: "envoy.access_loggers.stderr", value: pack(StderrAccessLogSchema, message) };
    }
    case "File": {
      const message = create(FileAccessLogSchema, { path: log.path ?? "", accessLogFormat });
      return { name: "envoy.access_loggers.file", value: pack(FileAccessLogSchema, message) };
    }
  }
}

function lineFormat(log: AccessLogSpec, redaction: Redaction) {
  const { text, omitEmptyValues = false } = log.format ?? {};
  return create(SubstitutionFormatStringSchema, {
    omitEmptyValues,
    format:
      text === undefined
        ? { case: "jsonFormat", value: jsonFormat(log, redaction) }
        : {
            case: "textFormatSource",
            value: {
              specifier: { case: "inlineString", value: textFormat(text, redaction) },
            },
          },
  });
}

function records(log: AccessLogSpec, side: ListenerSide, redaction: Redaction) {
  const reporter = side === "CLIENT" ? "source" : "destination";
  return create(OpenTelemetryAccessLogConfigSchema, {
    commonConfig: {
      logName: LOG_NAME,
      transportApiVersion: ApiVersion.V3,
      grpcService: {
        targetSpecifier: {
          case: "envoyGrpc",
          value: create(GrpcService_EnvoyGrpcSchema, { clusterName: TELEMETRY_CLUSTER }),
        },
      },
      bufferFlushInterval: duration(FLUSH_INTERVAL_MS),
      bufferSizeBytes: BUFFER_BYTES,
    },
    attributes: {
      values: recordAttributes(log, reporter, redaction).map(([key, value]) =>
        create(KeyValueSchema, { key, value: { value: { case: "stringValue", value } } }),
      ),
    },
  });
}
