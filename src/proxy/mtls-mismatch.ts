/**
 * When a caller comes with something else than its listener takes: what arrived, what is taken, and which object says so.
 * One table, so that the log, metrics and `tulle check` say the same.
 */
import type { Listener } from "../gen/envoy/config/listener/v3/listener_pb.js";

/** What a listener takes from its callers, as its metadata tell. Nobody but people reads it: the chains decide. */
export interface ListenerMtls {
  readonly mode: string;
  /** The object to change: `PeerAuthentication shop/catalog`. */
  readonly object: string;
}

export type Arrived = "plain text" | "TLS" | "TLS without a certificate";

export interface MtlsMismatch extends ListenerMtls {
  readonly arrived: Arrived;
}

/** How the TLS library, and our own verdicts, tell it. */
const ARRIVED: Readonly<Record<string, Arrived>> = {
  ERR_SSL_HTTP_REQUEST: "plain text",
  ERR_SSL_WRONG_VERSION_NUMBER: "plain text",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "plain text",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "TLS without a certificate",
  "no-certificate": "TLS without a certificate",
};
/** The code of a refusal for TLS that comes to where only plain text is taken. */
export const TLS_TO_PLAIN = "tls-to-plain";

/** Undefined where the refusal has another reason. */
export function mismatchOf(mtls: ListenerMtls | undefined, code: string): MtlsMismatch | undefined {
  if (mtls === undefined) return undefined;
  const arrived = code === TLS_TO_PLAIN ? "TLS" : ARRIVED[code];
  return arrived === undefined ? undefined : { ...mtls, arrived };
}

/** Undefined for listeners that are not an app's own side. */
export function listenerMtls({ metadata }: Listener): ListenerMtls | undefined {
  const mtls = metadata?.filterMetadata["tulle"]?.["mtls"];
  if (typeof mtls !== "object" || mtls === null || Array.isArray(mtls)) return undefined;
  const { mode, object } = mtls;
  return typeof mode === "string" && typeof object === "string" ? { mode, object } : undefined;
}
