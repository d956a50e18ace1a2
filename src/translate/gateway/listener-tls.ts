/** The TLS that a listener of a gateway ends, with a certificate from files on the gateway's machine. */
import type { TransportSocket } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  CERTIFICATE_FILE_OPTION,
  type GatewayListener,
  KEY_FILE_OPTION,
} from "../../resource/kinds/gateway.ts";
import { gatewayTls } from "../transport-socket.ts";

/** HTTP is agreed on where it is spoken inside; of what else is nothing is known. */
export function listenerTls({ protocol, tls }: GatewayListener): TransportSocket {
  return gatewayTls({
    certificateFile: tls?.options?.[CERTIFICATE_FILE_OPTION] ?? "",
    keyFile: tls?.options?.[KEY_FILE_OPTION] ?? "",
    minVersion: tls?.options?.["mesh.tulle.dev/min-tls-version"] ?? "1.2",
    alpn: protocol === "HTTPS" ? ["h2", "http/1.1"] : [],
  });
}
