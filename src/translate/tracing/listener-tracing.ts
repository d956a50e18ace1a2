/**
 * Traces of the requests of a listener: Envoy's `tracing`, whose receiver is the control plane, and in the listener's
 * metadata what only our sidecar knows, which Envoy passes over.
 */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcService_EnvoyGrpcSchema } from "../../gen/envoy/config/core/v3/grpc_service_pb.js";
import { OpenTelemetryConfigSchema } from "../../gen/envoy/config/trace/v3/opentelemetry_pb.js";
import {
  type HttpConnectionManager_Tracing,
  HttpConnectionManager_TracingSchema,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { CustomTagSchema } from "../../gen/envoy/type/tracing/v3/custom_tag_pb.js";
import { durationMs } from "../../resource/duration.ts";
import {
  TRACING_DEFAULTS,
  type TracingTag,
} from "../../resource/kinds/telemetry-policy-tracing.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { pack } from "../message.ts";
import { hasTelemetryReceiver, TELEMETRY_CLUSTER } from "../telemetry/control-plane-cluster.ts";
import type { EffectiveTelemetry } from "../telemetry/telemetry-index.ts";

type EffectiveTracing = EffectiveTelemetry["tracing"];

/** `isEdge`: a gateway, which is a hop of its own: its spans stand around those of its calls. */
export function listenerTracing(
  { enabled, sampling, tags, maxPathLength }: EffectiveTracing,
  snapshot: MeshSnapshot,
  isEdge: boolean,
): HttpConnectionManager_Tracing | undefined {
  if (!isTraced(enabled?.value, snapshot)) return undefined;
  return create(HttpConnectionManager_TracingSchema, {
    // `x-client-trace-id` is anybody's to send.
    clientSampling: { value: 0 },
    randomSampling: { value: sampling?.value ?? TRACING_DEFAULTS.sampling },
    overallSampling: { value: 100 },
    maxPathTagLength: maxPathLength?.value ?? TRACING_DEFAULTS.maxPathLength,
    customTags: (tags?.value ?? TRACING_DEFAULTS.tags).map(customTag),
    spawnUpstreamSpan: isEdge,
    provider: {
      name: "envoy.tracers.opentelemetry",
      configType: {
        case: "typedConfig",
        value: pack(
          OpenTelemetryConfigSchema,
          create(OpenTelemetryConfigSchema, {
            grpcService: {
              targetSpecifier: {
                case: "envoyGrpc",
                value: create(GrpcService_EnvoyGrpcSchema, { clusterName: TELEMETRY_CLUSTER }),
              },
            },
          }),
        ),
      },
    },
  });
}

/** `tulle.tracing` of the listener's metadata; undefined where nothing is traced. */
export function tracingMetadata(
  { enabled, formats, keep }: EffectiveTracing,
  snapshot: MeshSnapshot,
): JsonObject | undefined {
  if (!isTraced(enabled?.value, snapshot)) return undefined;
  return {
    formats: [...(formats?.value ?? TRACING_DEFAULTS.formats)],
    keepErrors: keep?.value.errors ?? TRACING_DEFAULTS.keepErrors,
    keepSlowerThanMs: durationMs(keep?.value.slowerThan ?? TRACING_DEFAULTS.keepSlowerThan),
  };
}

function isTraced(enabled: boolean | undefined, snapshot: MeshSnapshot): boolean {
  return (enabled ?? TRACING_DEFAULTS.enabled) && hasTelemetryReceiver(snapshot);
}

export type CustomTagInit = Exclude<
  MessageInitShape<typeof CustomTagSchema>,
  { $typeName: string }
>;

/** An attribute of spans. */
export function customTag(tag: TracingTag): CustomTagInit {
  const { name, value, requestHeader, environment, default: defaultValue = "" } = tag;
  if (value !== undefined) return { tag: name, type: { case: "literal", value: { value } } };
  if (requestHeader !== undefined) {
    const header = { name: requestHeader, defaultValue };
    return { tag: name, type: { case: "requestHeader", value: header } };
  }
  const variable = { name: environment ?? "", defaultValue };
  return { tag: name, type: { case: "environment", value: variable } };
}
