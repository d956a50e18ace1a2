/** IP addresses of listeners and endpoints. */
import { isIP } from "node:net";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type Address,
  SocketAddress_Protocol as Protocol,
} from "../../gen/envoy/config/core/v3/address_pb.js";

export interface IpAddress {
  readonly host: string;
  readonly port: number;
}

export function compileAddress(
  address: Address | undefined,
  path: string,
  errors: FieldError[],
): IpAddress {
  const compiled = compileNamedAddress(address, path, errors);
  if (isIP(compiled.host) === 0) {
    const message = `"${compiled.host}" is not an IP address`;
    errors.push({ path: `${path}.socket_address.address`, message });
  }
  return compiled;
}

/** `host` may be a name. */
export function compileNamedAddress(
  address: Address | undefined,
  path: string,
  errors: FieldError[],
): IpAddress {
  const socket = address?.address.case === "socketAddress" ? address.address.value : undefined;
  const port = socket?.portSpecifier.case === "portValue" ? socket.portSpecifier.value : undefined;
  if (socket === undefined || port === undefined) {
    errors.push({ path, message: "a socket_address with address and port_value is required" });
    return { host: "127.0.0.1", port: 0 };
  }
  if (socket.protocol !== Protocol.TCP) {
    errors.push({ path: `${path}.socket_address.protocol`, message: "only TCP is implemented" });
  }
  if (socket.address === "") {
    errors.push({ path: `${path}.socket_address.address`, message: "is required" });
  }
  if (port > 65_535) {
    errors.push({ path: `${path}.socket_address.port_value`, message: `${port} is not a port` });
  }
  return { host: socket.address, port };
}
