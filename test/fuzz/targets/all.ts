/** Every codec that is fuzzed. */
import type { FuzzTarget } from "../fuzz-target.ts";
import { clientHello, proxyHeader, sniffer } from "./first-bytes.ts";
import { hpack } from "./hpack.ts";
import { http1Request } from "./http1-request.ts";
import { http1Response } from "./http1-response.ts";
import { http2ClientConnection, http2ServerConnection } from "./http2-connection.ts";
import { http2Client, http2Server } from "./http2-frames.ts";
import { jwks, jwt } from "./jwt.ts";

export const TARGETS: readonly FuzzTarget[] = [
  http1Request,
  http1Response,
  http2Server,
  http2Client,
  http2ServerConnection,
  http2ClientConnection,
  hpack,
  clientHello,
  proxyHeader,
  sniffer,
  jwt,
  jwks,
];

/** Throws a RangeError for a name that none has. */
export function targetOf(name: string): FuzzTarget {
  const found = TARGETS.find((target) => target.name === name);
  if (found === undefined) {
    throw new RangeError(`no target ${name}: ${TARGETS.map((target) => target.name).join(", ")}`);
  }
  return found;
}
