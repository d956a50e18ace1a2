/** The one form of a host that routes and policies judge and upstreams get (T23): without a last dot, without a port. */
import type { FieldError } from "../../decision/field-error.ts";
import type { HttpConnectionManager } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { portOf, withoutPort, withoutTrailingDot } from "../../http/authority.ts";

export type PortStripping = "none" | "matching" | "any";

export class HostRule {
  readonly #stripsDot: boolean;
  readonly #ports: PortStripping;

  constructor(stripsDot: boolean, ports: PortStripping) {
    this.#stripsDot = stripsDot;
    this.#ports = ports;
  }

  /** `localPort` is that of the connection. */
  apply(method: string, authority: string, localPort: number): string {
    const host = this.#stripsDot ? withoutTrailingDot(authority) : authority;
    // RFC 9110 section 9.3.6: the port of CONNECT is what it asks for.
    if (this.#ports === "none" || method === "CONNECT") return host;
    if (this.#ports === "matching" && portOf(host) !== localPort) return host;
    return withoutPort(host);
  }
}

export function compileHostRule(
  manager: HttpConnectionManager,
  path: string,
  errors: FieldError[],
): HostRule {
  const { stripMatchingHostPort, stripPortMode, stripTrailingHostDot } = manager;
  const stripsAny = stripPortMode.case === "stripAnyHostPort" && stripPortMode.value;
  if (stripMatchingHostPort && stripsAny) {
    const message = "cannot be combined with strip_any_host_port";
    errors.push({ path: `${path}.strip_matching_host_port`, message });
  }
  return new HostRule(
    stripTrailingHostDot,
    stripsAny ? "any" : stripMatchingHostPort ? "matching" : "none",
  );
}
