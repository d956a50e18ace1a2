/** A Listener message compiled: where it listens and what its connections go through. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { TrafficDirection } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { HttpConfig } from "../http-config.ts";
import { compileAddress, type IpAddress } from "./address.ts";
import { compileTransportSocket, type TlsSettings } from "./tls-settings.ts";

export interface ListenerConfig {
  readonly name: string;
  readonly address: IpAddress;
  readonly direction: "inbound" | "outbound";
  readonly tls: TlsSettings | undefined;
  readonly http: HttpConfig;
}

/** Undefined when `errors` says why. */
export function compileListener(
  listener: Listener,
  errors: FieldError[],
  wallMs: () => number,
): ListenerConfig | undefined {
  const address = compileAddress(listener.address, "address", errors);
  const [chain] = listener.filterChains;
  if (chain === undefined || listener.filterChains.length > 1) {
    errors.push({ path: "filter_chains", message: "exactly one filter chain is implemented" });
  }
  const filters = chain?.filters ?? [];
  const path = "filter_chains[0].filters[0]";
  const config = filters[0]?.configType;
  const manager =
    config?.case === "typedConfig"
      ? anyUnpack(config.value, HttpConnectionManagerSchema)
      : undefined;
  if (manager === undefined || filters.length > 1) {
    const message = "exactly one filter, an HttpConnectionManager, is implemented";
    errors.push({ path: "filter_chains[0].filters", message });
    return undefined;
  }
  const socketPath = "filter_chains[0].transport_socket";
  return {
    // Without a name the address is as good: no other listener can have it.
    name: listener.name || `${address.host}:${address.port}`,
    address,
    direction: listener.trafficDirection === TrafficDirection.INBOUND ? "inbound" : "outbound",
    tls: compileTransportSocket(chain?.transportSocket, "server", socketPath, errors),
    http: new HttpConfig(manager, `${path}.typed_config`, errors, wallMs),
  };
}
