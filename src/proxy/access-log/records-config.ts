/** An OpenTelemetryAccessLogConfig compiled: records for a receiver of OTLP over one of the proxy's clusters. */
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  LOG_RECORDS_BUFFER_BYTES,
  LOG_RECORDS_INTERVAL_MS,
  LOG_RECORDS_TIMEOUT_MS,
} from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { OpenTelemetryAccessLogConfig } from "../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import type {
  AnyValue,
  KeyValue,
  KeyValueList,
} from "../../gen/opentelemetry/proto/common/v1/common_pb.js";
import { valueFormat } from "../../telemetry/access-log/line-format.ts";
import type { FormatSurroundings } from "../../telemetry/access-log/operators.ts";
import { ACCESS_ATTRIBUTE, ACCESS_EVENT } from "../../telemetry/otlp/access-log-attributes.ts";
import { type RecordAttribute, RecordFormat } from "../../telemetry/otlp/logs-message.ts";
import type { LogFilter } from "./log-filter.ts";
import type { LogNeeds } from "./log-needs.ts";

export interface RecordsConfig {
  readonly kind: "records";
  readonly target: RecordsTarget;
  readonly format: RecordFormat;
  readonly filter: LogFilter | undefined;
}

/** Logs with the same target share an exporter. */
export interface RecordsTarget {
  readonly cluster: string;
  readonly authority: string;
  readonly timeoutMs: number;
  readonly logName: string;
  readonly intervalMs: number;
  readonly bufferBytes: number;
  /** Its records are the mesh's own: whoever takes them says, too, which requests somebody wants to watch. */
  readonly knowsTaps: boolean;
  /** Attributes beside the proxy's own. */
  readonly resource: Readonly<Record<string, string>>;
}

export interface RecordsContext {
  readonly path: string;
  readonly needs: LogNeeds;
  readonly surroundings: FormatSurroundings;
}

export function compileRecords(
  config: OpenTelemetryAccessLogConfig,
  filter: LogFilter | undefined,
  { path, needs, surroundings }: RecordsContext,
  errors: FieldError[],
): RecordsConfig {
  const common = config.commonConfig;
  const at = `${path}.common_config`;
  const service = common?.grpcService;
  const target = service?.targetSpecifier;
  const grpc = target?.case === "envoyGrpc" ? target.value : undefined;
  const cluster = grpc?.clusterName ?? "";
  if (cluster === "") {
    const message = "is required: the cluster of the receiver";
    errors.push({ path: `${at}.grpc_service.envoy_grpc.cluster_name`, message });
  }
  const compile = (name: string, value: AnyValue | undefined, where: string): RecordAttribute => {
    const text = textOf(value, where, errors);
    needs.addFormat(text);
    const report = (message: string): number => errors.push({ path: where, message });
    return { name, read: valueFormat(text, surroundings, report) };
  };
  const attributes = (config.attributes?.values ?? []).map(({ key, value }, index) =>
    compile(key, value, `${path}.attributes.values[${index}].value`),
  );
  const body =
    config.body === undefined ? undefined : compile("", config.body, `${path}.body`).read;
  const interval = common?.bufferFlushInterval;
  return {
    kind: "records",
    target: {
      cluster,
      authority: grpc?.authority || cluster,
      timeoutMs:
        compileDuration(service?.timeout, `${at}.grpc_service.timeout`, errors) ||
        LOG_RECORDS_TIMEOUT_MS,
      logName: config.disableBuiltinLabels ? "" : (common?.logName ?? ""),
      intervalMs: interval === undefined ? LOG_RECORDS_INTERVAL_MS : durationMs(interval),
      bufferBytes: common?.bufferSizeBytes || LOG_RECORDS_BUFFER_BYTES,
      knowsTaps: (config.attributes?.values ?? []).some(isOwnEvent),
      resource: resourceOf(config.resourceAttributes, path, errors),
    },
    format: new RecordFormat(attributes, body),
    filter,
  };
}

function isOwnEvent({ key, value }: KeyValue): boolean {
  return key === ACCESS_ATTRIBUTE.eventName && value?.value.value === ACCESS_EVENT;
}

/** Formats are texts; other values say the same for every request. */
function textOf(value: AnyValue | undefined, path: string, errors: FieldError[]): string {
  if (value?.value.case === "stringValue") return value.value.value;
  errors.push({ path, message: "only string_value, a format, is implemented" });
  return "";
}

function resourceOf(
  list: KeyValueList | undefined,
  path: string,
  errors: FieldError[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (list?.values ?? []).map(({ key, value }, index) => [
      key,
      textOf(value, `${path}.resource_attributes.values[${index}].value`, errors),
    ]),
  );
}
