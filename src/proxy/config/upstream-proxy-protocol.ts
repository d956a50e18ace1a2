/** The transport socket that writes a PROXY header before what it is wrapped around. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import type { TransportSocket } from "../../gen/envoy/config/core/v3/base_pb.js";
import { ProxyProtocolConfig_Version as Version } from "../../gen/envoy/config/core/v3/proxy_protocol_pb.js";
import { ProxyProtocolUpstreamTransportSchema } from "../../gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js";

export type ProxyHeaderVersion = "none" | "v1" | "v2";

export interface UnwrappedSocket {
  readonly proxyHeader: ProxyHeaderVersion;
  /** What comes behind the header, with its path. */
  readonly inner: TransportSocket | undefined;
  readonly path: string;
}

/** `path` is where `socket` stands. One that writes no header is its own inner one. */
export function unwrapProxyProtocol(
  socket: TransportSocket | undefined,
  path: string,
  errors: FieldError[],
): UnwrappedSocket {
  const any = socket?.configType.value;
  const proxy =
    any === undefined ? undefined : anyUnpack(any, ProxyProtocolUpstreamTransportSchema);
  if (proxy === undefined) return { proxyHeader: "none", inner: socket, path };
  const innerPath = `${path}.typed_config.transport_socket`;
  if (proxy.transportSocket === undefined) {
    errors.push({ path: innerPath, message: "is required; raw_buffer is plain text" });
  }
  // Envoy's default.
  const proxyHeader = proxy.config?.version === Version.V2 ? "v2" : "v1";
  return { proxyHeader, inner: proxy.transportSocket, path: innerPath };
}
