/**
 * OTLP/gRPC: the Export methods of TraceService, LogsService and MetricsService on the port that proxies connect to. Their
 * certificates say who they are; requests stay bytes until they are known to be welcome.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { status as grpcStatus, type Server, type sendUnaryData } from "@grpc/grpc-js";
import {
  ExportLogsServiceResponseSchema,
  LogsService,
} from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import {
  ExportMetricsServiceResponseSchema,
  MetricsService,
} from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import {
  ExportTraceServiceResponseSchema,
  TraceService,
} from "../../gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { MeshPeer, PeerCall } from "../../identity/grpc-listener.ts";
import { type BytesCall, type BytesMethod, bytesMethod } from "./bytes-method.ts";
import type { TelemetryIntake, TelemetrySignal } from "./telemetry-intake.ts";

export interface OtlpGrpcServiceDeps {
  readonly intake: Pick<TelemetryIntake, "take">;
  readonly trustDomain: string;
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
}

const SERVICES = {
  traces: TraceService.typeName,
  logs: LogsService.typeName,
  metrics: MetricsService.typeName,
} as const satisfies Record<TelemetrySignal, string>;

/** The Export method of a signal's service; messages are bytes at both ends. */
export function exportMethod(signal: TelemetrySignal): BytesMethod {
  return bytesMethod(`/${SERVICES[signal]}/Export`);
}

/** Adds the three services to a server. */
export function addOtlpServices(server: Server, deps: OtlpGrpcServiceDeps): void {
  for (const signal of ["traces", "logs", "metrics"] as const) {
    server.addService(
      { Export: exportMethod(signal) },
      {
        Export: (call: BytesCall, callback: sendUnaryData<Uint8Array>) =>
          answer(signal, call, callback, deps),
      },
    );
  }
}

function answer(
  signal: TelemetrySignal,
  call: BytesCall,
  callback: sendUnaryData<Uint8Array>,
  { intake, trustDomain, peerOf }: OtlpGrpcServiceDeps,
): void {
  const peer = peerOf(call);
  if (peer === undefined || peer.trustDomain !== trustDomain) {
    const details = "only proxies of the mesh may send telemetry";
    callback({ code: grpcStatus.PERMISSION_DENIED, details });
    return;
  }
  const result = intake.take(signal, call.request, { principal: peer.spiffeId });
  switch (result.kind) {
    case "taken":
      callback(null, exportResponse(signal, result));
      return;
    // OTLP/gRPC, "Failures": UNAVAILABLE is tried again, INVALID_ARGUMENT is not.
    case "busy":
      callback({ code: grpcStatus.UNAVAILABLE, details: result.message });
      return;
    case "malformed":
      callback({ code: grpcStatus.INVALID_ARGUMENT, details: result.message });
      return;
  }
}

/** Bytes of an export response. Without rejections `partial_success` is left out, as OTLP wants it. */
export function exportResponse(
  signal: TelemetrySignal,
  { rejected, message: errorMessage }: { readonly rejected: number; readonly message: string },
): Uint8Array {
  if (rejected === 0 && errorMessage === "") return new Uint8Array();
  const count = BigInt(rejected);
  switch (signal) {
    case "traces":
      return toBinary(
        ExportTraceServiceResponseSchema,
        create(ExportTraceServiceResponseSchema, {
          partialSuccess: { rejectedSpans: count, errorMessage },
        }),
      );
    case "logs":
      return toBinary(
        ExportLogsServiceResponseSchema,
        create(ExportLogsServiceResponseSchema, {
          partialSuccess: { rejectedLogRecords: count, errorMessage },
        }),
      );
    case "metrics":
      return toBinary(
        ExportMetricsServiceResponseSchema,
        create(ExportMetricsServiceResponseSchema, {
          partialSuccess: { rejectedDataPoints: count, errorMessage },
        }),
      );
  }
}
