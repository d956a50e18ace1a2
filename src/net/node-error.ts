/** The one place that knows the runtime's socket error codes and what they mean to people. */

import { getSystemErrorMap } from "node:util";

export interface SocketFailure {
  /** Envoy's words for a transport failure where it has some. */
  readonly reason: string;
  /** The runtime's code, as `ECONNREFUSED`. */
  readonly code: string;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ECONNRESET: "connection reset by peer",
  EPIPE: "connection closed by peer while sending",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network unreachable",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "address not available on this machine",
  EACCES: "permission denied: ports below 1024 need a privilege",
  EMFILE: "too many open files: raise the file descriptor limit",
  ENOTFOUND: "host name not found",
  ERR_SSL_WRONG_VERSION_NUMBER: "the peer does not speak TLS here",
  ERR_SSL_HTTP_REQUEST: "plain HTTP arrived where TLS was expected",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the peer offers no TLS version that is allowed here",
  ERR_SSL_NO_APPLICATION_PROTOCOL: "the peer offers no protocol (ALPN) that is spoken here",
  ERR_SSL_NO_SHARED_CIPHER: "the peer offers no cipher that is allowed here",
  ERR_SSL_NO_SUITABLE_KEY_SHARE: "the peer offers no key exchange group that is allowed here",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION:
    "the peer allows none of the TLS versions that are allowed here",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "the peer showed no certificate",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the peer requires a client certificate",
};

export function socketFailure(error: unknown): SocketFailure {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return { code, reason: REASONS[code] ?? message };
}

/** The error that the runtime would make of libuv's `number`, which is negative. */
export function systemError(number: number): Error {
  const [code = "UNKNOWN"] = getSystemErrorMap().get(number) ?? [];
  return Object.assign(new Error(code), { code });
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "UNKNOWN";
  return typeof error.code === "string" ? error.code : "UNKNOWN";
}
