/** Connections to a collector in plain text. */
import { Client, credentials } from "@grpc/grpc-js";
import { type GrpcClientFactory, XDS_CHANNEL_OPTIONS } from "../../xds/channel-options.ts";

export function collectorClient(address: string): GrpcClientFactory {
  return () => new Client(address, credentials.createInsecure(), XDS_CHANNEL_OPTIONS);
}
