/**
 * What a listener takes its connections for, and who says so, and what of traces and metrics is our sidecar's alone. Envoy passes
 * over it; our sidecar names the object to change where a caller comes with something else.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { InstanceProtocol, PortProtocol } from "../resource/port-protocol.ts";
import type { PortMtls } from "./peer-authentication.ts";

export function protocolMetadata(
  protocol: PortProtocol | InstanceProtocol,
  origin: string,
  mtls?: PortMtls,
  tracing?: JsonObject,
  metrics?: JsonObject,
): { readonly filterMetadata: { readonly tulle: JsonObject } } {
  return {
    filterMetadata: {
      tulle: {
        ...{ protocol, origin },
        ...(mtls === undefined ? {} : { mtls: { ...mtls } }),
        ...(tracing === undefined ? {} : { tracing }),
        ...(metrics === undefined ? {} : { metrics }),
      },
    },
  };
}
