/**
 * The vocabulary between the gRPC services of this folder (ADS, HDS) and the control plane: who is at
 * the other end of a stream, and whether it may stay. The services do not know authentication; the
 * control plane looks at the call.
 */
import type { ServerDuplexStream, status } from "@grpc/grpc-js";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";

export interface StreamPeer {
  /** Unique within the server's process. */
  readonly id: string;
  /** From the first request of the stream; later ones need not carry it and are not believed. */
  readonly node: Node;
  /** Remote address as gRPC prints it. */
  readonly peer: string;
  /** For `getAuthContext()` (peer certificate) and `metadata`. */
  readonly call: ServerDuplexStream<Uint8Array, Uint8Array>;
}

export type ConnectDecision =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly code: status; readonly details: string };
