/** Http2ProtocolOptions compiled: the settings of HTTP/2 connections, for clusters and listeners alike. */
import {
  CONCURRENT_STREAMS_MAX,
  CONNECTION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  UPSTREAM_STREAMS_PER_CONNECTION_MAX,
} from "../../core/limits.ts";
import type { FieldError } from "../../decision/field-error.ts";
import type { Http2ProtocolOptions } from "../../gen/envoy/config/core/v3/protocol_pb.js";
import { compileKeepalive, type KeepaliveConfig } from "./keepalive-config.ts";

export interface Http2Options {
  /**
   * Requests at a time on one connection: as server what it announces (SETTINGS_MAX_CONCURRENT_STREAMS), as client
   * what it uses of what its peer announces.
   */
  readonly maxConcurrentStreams: number;
  /** What it lets its peer send on a stream at first, in bytes (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly initialStreamWindowBytes: number;
  /** What it lets its peer send on all streams together, in bytes. */
  readonly initialConnectionWindowBytes: number;
  /** Whether tunnels of other protocols are carried: extended CONNECT (RFC 8441). */
  readonly allowsConnect: boolean;
  /** Undefined: a peer that is gone without a word is found out by requests alone. */
  readonly keepalive: KeepaliveConfig | undefined;
}

/** Envoy's range for both windows: the protocol's default and its largest (RFC 9113 section 6.9.1). */
const WINDOW_BYTES_LEAST = 65_535;
const INT32_MAX = 0x7fff_ffff;

/** With the defaults of one side for what is not set. Violations are added to `errors` under `path`. */
export function compileHttp2Options(
  options: Http2ProtocolOptions | undefined,
  side: "client" | "server",
  path: string,
  errors: FieldError[],
): Http2Options {
  const within = (value: number | undefined, least: number, field: string): void => {
    if (value === undefined || (value >= least && value <= INT32_MAX)) return;
    errors.push({
      path: `${path}.${field}`,
      message: `${value} is not from ${least} to ${INT32_MAX}`,
    });
  };
  within(options?.maxConcurrentStreams, 1, "max_concurrent_streams");
  within(options?.initialStreamWindowSize, WINDOW_BYTES_LEAST, "initial_stream_window_size");
  within(
    options?.initialConnectionWindowSize,
    WINDOW_BYTES_LEAST,
    "initial_connection_window_size",
  );
  const streams = side === "client" ? UPSTREAM_STREAMS_PER_CONNECTION_MAX : CONCURRENT_STREAMS_MAX;
  return {
    maxConcurrentStreams: options?.maxConcurrentStreams ?? streams,
    initialStreamWindowBytes: options?.initialStreamWindowSize ?? STREAM_WINDOW_BYTES,
    initialConnectionWindowBytes: options?.initialConnectionWindowSize ?? CONNECTION_WINDOW_BYTES,
    allowsConnect: options?.allowConnect ?? false,
    keepalive: compileKeepalive(
      options?.connectionKeepalive,
      `${path}.connection_keepalive`,
      errors,
    ),
  };
}
