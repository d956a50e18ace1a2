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

const RECORDS_LOG = "envoy.access_loggers.open_telemetry";
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
      name: RECORDS_LOG,
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

/** For the control plane, with more attributes. Its filter is the caller's. */
export function recordsLog(
  log: AccessLogSpec,
  side: ListenerSide,
  more: readonly (readonly [string, string])[],
): AccessLog {
  const redaction: Redaction = { headers: new Set(), isQueryRemoved: false };
  const value = pack(OpenTelemetryAccessLogConfigSchema, records(log, side, redaction, more));
  return create(AccessLogSchema, {
    name: RECORDS_LOG,
    configType: { case: "typedConfig", value },
  });
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

/** `more`: attributes beside those of every record, or instead of one of the same name. */
function records(
  log: AccessLogSpec,
  side: ListenerSide,
  redaction: Redaction,
  more: readonly (readonly [string, string])[] = [],
) {
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
      values: [...new Map([...recordAttributes(log, reporter, redaction), ...more])].map(
        ([key, value]) =>
          create(KeyValueSchema, { key, value: { value: { case: "stringValue", value } } }),
      ),
    },
  });
}
