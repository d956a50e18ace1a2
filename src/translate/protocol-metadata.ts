/** What a listener takes its connections for, and who says so: for `tulle proxy config`. Proxies pass over it. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { InstanceProtocol, PortProtocol } from "../resource/port-protocol.ts";

export function protocolMetadata(
  protocol: PortProtocol | InstanceProtocol,
  origin: string,
): { readonly filterMetadata: { readonly tulle: JsonObject } } {
  return { filterMetadata: { tulle: { protocol, origin } } };
}
