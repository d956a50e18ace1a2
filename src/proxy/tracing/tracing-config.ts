/**
 * `tracing` of an HttpConnectionManager compiled, and what of our own stands in the metadata of its listener, which
 * Envoy passes over: the formats that go on, and what is kept whatever sampling says.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { SPANS_TIMEOUT_MS, TRACE_PATH_LENGTH } from "../../core/limits.ts";
import { compileDuration } from "../../decision/duration.ts";
import type { FieldError } from "../../decision/field-error.ts";
import { compileTags, type SamplingFractions, type TagRule } from "../../decision/route-tracing.ts";
import { OpenTelemetryConfigSchema } from "../../gen/envoy/config/trace/v3/opentelemetry_pb.js";
import type { HttpConnectionManager_Tracing } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { Percent } from "../../gen/envoy/type/v3/percent_pb.js";
import { FORMAT_B3, FORMAT_B3_SINGLE, FORMAT_W3C } from "../../telemetry/trace/propagation.ts";

const PROVIDER = "envoy.tracers.opentelemetry";

const FORMATS: Readonly<Record<string, number>> = {
  W3C: FORMAT_W3C,
  B3: FORMAT_B3,
  B3Single: FORMAT_B3_SINGLE,
};

export interface TracingConfig {
  /** Where spans go. */
  readonly target: SpanTarget;
  readonly fractions: SamplingFractions;
  readonly maxPathLength: number;
  /** Every try has a span of its own, and the request one around them. */
  readonly spawnsUpstreamSpan: boolean;
  readonly tags: readonly TagRule[];
  /** A set of formats. */
  readonly formats: number;
  readonly keepsErrors: boolean;
  /** 0: none for its time. */
  readonly keepsSlowerThanMs: number;
}

export interface SpanTarget {
  readonly cluster: string;
  readonly authority: string;
  readonly timeoutMs: number;
  /** "": the proxy's own. */
  readonly serviceName: string;
  /** It is a control plane, which asks for spans of traces that it has found worth keeping. */
  readonly asksForTraces: boolean;
}

/** Undefined where nothing is traced: as in Envoy, also without a provider. */
export function compileTracing(
  tracing: HttpConnectionManager_Tracing | undefined,
  own: JsonObject | undefined,
  path: string,
  errors: FieldError[],
): TracingConfig | undefined {
  if (tracing?.provider === undefined) return undefined;
  const { provider } = tracing;
  const at = `${path}.provider`;
  const config =
    provider.configType.case === "typedConfig"
      ? anyUnpack(provider.configType.value, OpenTelemetryConfigSchema)
      : undefined;
  if (config === undefined) {
    const message = `only ${PROVIDER} with ${OpenTelemetryConfigSchema.typeName} is implemented`;
    errors.push({ path: `${at}.typed_config`, message });
    return undefined;
  }
  const service = config.grpcService;
  const target = service?.targetSpecifier;
  const grpc = target?.case === "envoyGrpc" ? target.value : undefined;
  const grpcPath = `${at}.typed_config.grpc_service`;
  if (grpc === undefined || grpc.clusterName === "") {
    const message = "is required: the cluster of the receiver of spans";
    errors.push({ path: `${grpcPath}.envoy_grpc.cluster_name`, message });
  }
  const cluster = grpc?.clusterName ?? "";
  return {
    target: {
      cluster,
      authority: grpc?.authority || cluster,
      timeoutMs:
        compileDuration(service?.timeout, `${grpcPath}.timeout`, errors) ?? SPANS_TIMEOUT_MS,
      serviceName: config.serviceName,
      asksForTraces: own !== undefined,
    },
    fractions: {
      client: fractionOf(tracing.clientSampling),
      random: fractionOf(tracing.randomSampling),
      overall: fractionOf(tracing.overallSampling),
    },
    maxPathLength: tracing.maxPathTagLength ?? TRACE_PATH_LENGTH,
    spawnsUpstreamSpan: tracing.spawnUpstreamSpan ?? false,
    tags: compileTags(tracing.customTags, `${path}.custom_tags`, errors),
    formats: formatsOf(own),
    keepsErrors: own?.["keepErrors"] === true,
    keepsSlowerThanMs: typeof own?.["keepSlowerThanMs"] === "number" ? own["keepSlowerThanMs"] : 0,
  };
}

/** Envoy's default is all. */
function fractionOf(percent: Percent | undefined): number {
  return percent === undefined ? 1 : Math.min(1, percent.value / 100);
}

/** Envoy's tracer writes W3C's. */
function formatsOf(own: JsonObject | undefined): number {
  const names = own?.["formats"];
  if (!Array.isArray(names)) return FORMAT_W3C;
  return names.reduce<number>((set, name) => set | (FORMATS[String(name)] ?? 0), 0);
}
