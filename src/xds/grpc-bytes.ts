/**
 * The gRPC methods of envoy.service.discovery.v3.AggregatedDiscoveryService and of health discovery with
 * byte buffers as messages: resources are encoded once, elsewhere, and sent to many.
 */
import type { MethodDefinition } from "@grpc/grpc-js";

export const STREAM_AGGREGATED_RESOURCES =
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
export const DELTA_AGGREGATED_RESOURCES =
  "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
export const STREAM_HEALTH_CHECK =
  "/envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck";

/** Messages are bytes in both directions. */
export type BytesMethod = MethodDefinition<Uint8Array, Uint8Array>;

/** A method whose messages both sides stream. */
export function bytesStreamMethod(path: string): BytesMethod {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: toBuffer,
    requestDeserialize: asIs,
    responseSerialize: toBuffer,
    responseDeserialize: asIs,
  };
}

/** gRPC wants a Buffer; makes a view, copies nothing. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Deserialiser of byte messages. */
export function asIs(bytes: Buffer): Uint8Array {
  return bytes;
}
