/** A filter chain's match compiled, and what of a connection it is held against. */

import { create } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import {
  type FilterChainMatch,
  FilterChainMatchSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";

export type TransportProtocol = "tls" | "raw_buffer";

/** An empty list, 0 and "" match every connection. */
export interface ChainMatch {
  readonly destinationPort: number;
  /** Lower case: a name, or "*." with a suffix. */
  readonly serverNames: readonly string[];
  readonly transportProtocol: TransportProtocol | "";
  readonly applicationProtocols: readonly string[];
}

export const ANY_CONNECTION: ChainMatch = {
  destinationPort: 0,
  serverNames: [],
  transportProtocol: "",
  applicationProtocols: [],
};

const PORT_MAX = 65_535;

export function compileChainMatch(
  match: FilterChainMatch = create(FilterChainMatchSchema),
  path: string,
  errors: FieldError[],
): ChainMatch {
  const port = match.destinationPort;
  if (port !== undefined && (port < 1 || port > PORT_MAX)) {
    errors.push({ path: `${path}.destination_port`, message: `${port} is not a port` });
  }
  for (const [index, protocol] of match.applicationProtocols.entries()) {
    if (protocol !== "") continue;
    errors.push({ path: `${path}.application_protocols[${index}]`, message: "must not be empty" });
  }
  return {
    destinationPort: port ?? 0,
    serverNames: match.serverNames.map((name, index) =>
      serverName(name, `${path}.server_names[${index}]`, errors),
    ),
    transportProtocol: transportProtocol(match.transportProtocol, path, errors),
    applicationProtocols: match.applicationProtocols,
  };
}

/** Envoy's rule: `*` stands alone for the first labels, and a name for all others is left out instead. */
function serverName(name: string, path: string, errors: FieldError[]): string {
  const rest = name.startsWith("*.") ? name.slice(2) : name;
  if (rest === "" || rest.includes("*")) {
    const message = `"${name}" is neither a host name nor "*." with one; leave server_names out to match every name`;
    errors.push({ path, message });
  }
  return name.toLowerCase();
}

function transportProtocol(
  given: string,
  path: string,
  errors: FieldError[],
): TransportProtocol | "" {
  if (given === "" || given === "tls" || given === "raw_buffer") return given;
  const message = `"${given}" is neither tls nor raw_buffer`;
  errors.push({ path: `${path}.transport_protocol`, message });
  return "";
}
