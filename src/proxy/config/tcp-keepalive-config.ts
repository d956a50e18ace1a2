/** TCP keep-alive of a cluster's connections: Envoy's UpstreamConnectionOptions. */
import type { FieldError } from "../../decision/field-error.ts";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { TcpKeepalive } from "../dialer.ts";

/** Linux' own defaults, where the message says nothing. Seconds, and a count. */
const IDLE_S = 7200;
const INTERVAL_S = 75;
const PROBES = 9;
/** The bounds of Linux: tcp(7) keeps them as signed 15 and 7 bits. */
const SECONDS_MAX = 32_767;
const PROBES_MAX = 127;

export function compileTcpKeepalive(
  { upstreamConnectionOptions: options }: Cluster,
  errors: FieldError[],
): TcpKeepalive | undefined {
  const keepalive = options?.tcpKeepalive;
  if (keepalive === undefined) return undefined;
  const checked = (field: string, value: number | undefined, standard: number, max: number) => {
    const number = value ?? standard;
    if (number >= 1 && number <= max) return number;
    const path = `upstream_connection_options.tcp_keepalive.${field}`;
    errors.push({ path, message: `${number} is not from 1 to ${max}` });
    return standard;
  };
  return {
    idleMs: 1000 * checked("keepalive_time", keepalive.keepaliveTime, IDLE_S, SECONDS_MAX),
    intervalMs:
      1000 * checked("keepalive_interval", keepalive.keepaliveInterval, INTERVAL_S, SECONDS_MAX),
    probes: checked("keepalive_probes", keepalive.keepaliveProbes, PROBES, PROBES_MAX),
  };
}
