/** A unary method of gRPC whose messages stay bytes at both ends: they are decoded when it is known that they are welcome. */
import type { MethodDefinition, ServerUnaryCall } from "@grpc/grpc-js";

export type BytesMethod = MethodDefinition<Uint8Array, Uint8Array>;
export type BytesCall = ServerUnaryCall<Uint8Array, Uint8Array>;

/** `path`: `/package.Service/Method`. */
export function bytesMethod(path: string): BytesMethod {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes) => Buffer.from(bytes),
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (bytes) => Buffer.from(bytes),
    responseDeserialize: (bytes) => bytes,
  };
}
