/** gRPC channel options for a connection to the control plane. Spread them into the options of the client. */
import type { ChannelOptions, Client } from "@grpc/grpc-js";

/** Makes a new client for each attempt, so that each attempt uses the newest certificate. The caller of the factory closes it. */
export type GrpcClientFactory = () => Client;

export const XDS_CHANNEL_OPTIONS: ChannelOptions = {
  // A control plane that vanished without a word is noticed within 40 s.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // One snapshot of a large mesh exceeds the default limit of 4 MB.
  "grpc.max_receive_message_length": 256 * 1024 * 1024,
  // Backoff is ours: a shared subchannel would add its own, up to two minutes, to every attempt.
  "grpc.use_local_subchannel_pool": 1,
};
