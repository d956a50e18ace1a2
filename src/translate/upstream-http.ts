/** How requests travel on connections to instances: which version of HTTP, and how long a connection lives. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { UpstreamConnectionOptionsSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type {
  HttpProtocolOptionsSchema as CommonOptionsSchema,
  Http2ProtocolOptions,
  Http2ProtocolOptionsSchema,
  KeepaliveSettingsSchema,
} from "../gen/envoy/config/core/v3/protocol_pb.js";
import { HttpProtocolOptionsSchema } from "../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { durationMs } from "../resource/duration.ts";
import type { ConnectionPoolSettings } from "../resource/kinds/connection-settings.ts";
import type { PortProtocol } from "../resource/port-protocol.ts";
import {
  MESH_KEEPALIVE_IDLE_INTERVAL_MS,
  MESH_KEEPALIVE_INTERVAL_MS,
  MESH_KEEPALIVE_TIMEOUT_MS,
} from "./defaults.ts";
import { duration, pack } from "./message.ts";

/** The key of the HTTP options in a cluster's extension options. */
const HTTP_PROTOCOL_OPTIONS = HttpProtocolOptionsSchema.typeName;

export type Codec = NonNullable<
  MessageInitShape<typeof HttpProtocolOptionsSchema>["upstreamProtocolOptions"]
>;
type Http2Init = Exclude<MessageInitShape<typeof Http2ProtocolOptionsSchema>, Http2ProtocolOptions>;
type CommonInit = Exclude<MessageInitShape<typeof CommonOptionsSchema>, { $typeName: string }>;

export const HTTP1: Codec = {
  case: "explicitHttpConfig",
  value: { protocolConfig: { case: "httpProtocolOptions", value: {} } },
};

/** Extended CONNECT carries WebSocket (RFC 8441). */
const HTTP2_OPTIONS: Http2Init = { allowConnect: true };

export function http2(more: Http2Init = {}): Codec {
  const value = { ...HTTP2_OPTIONS, ...more };
  return {
    case: "explicitHttpConfig",
    value: { protocolConfig: { case: "http2ProtocolOptions", value } },
  };
}

export interface OutboundCodecOptions {
  readonly protocol: PortProtocol;
  /** Whether the other end is a sidecar. */
  readonly isMeshed: boolean;
  readonly pool: ConnectionPoolSettings;
}

/** Between sidecars what they agree on; to an app without one what it is declared to speak, else what its client does. */
export function outboundCodec({ protocol, isMeshed, pool }: OutboundCodecOptions): Codec {
  const streams = streamLimit(pool);
  if (isMeshed) return http2({ ...streams, connectionKeepalive: meshKeepalive() });
  if (protocol === "http2" || protocol === "grpc") return http2(streams);
  return {
    case: "useDownstreamProtocolConfig",
    value: { httpProtocolOptions: {}, http2ProtocolOptions: { ...HTTP2_OPTIONS, ...streams } },
  };
}

export function httpOptions(
  idleTimeoutMs: number,
  upstreamProtocolOptions: Codec,
  more: CommonInit = {},
): Record<string, Any> {
  const options = create(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: duration(idleTimeoutMs), ...more },
    upstreamProtocolOptions,
  });
  return { [HTTP_PROTOCOL_OPTIONS]: pack(HttpProtocolOptionsSchema, options) };
}

/** How long a request and its answer may live, however much is going on. 0 for no limit. */
export function streamLimits(streamMs: number): CommonInit {
  return streamMs === 0 ? {} : { maxStreamDuration: duration(streamMs) };
}

/** What ends a connection besides being idle. */
export function connectionLimits(pool: ConnectionPoolSettings): CommonInit {
  const { maxRequestsPerConnection } = pool;
  const maxConnectionDurationMs = durationMs(pool.maxConnectionDuration);
  return {
    ...(maxRequestsPerConnection === 0 ? {} : { maxRequestsPerConnection }),
    ...(maxConnectionDurationMs === 0
      ? {}
      : { maxConnectionDuration: duration(maxConnectionDurationMs) }),
  };
}

/** TCP keep-alive, as the system does it; whole seconds. */
export function connectionOptions({
  tcpKeepalive: { time, interval, probes },
}: ConnectionPoolSettings): {
  readonly upstreamConnectionOptions?: MessageInitShape<typeof UpstreamConnectionOptionsSchema>;
} {
  const timeMs = durationMs(time);
  if (timeMs === 0) return {};
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        keepaliveTime: wholeSeconds(timeMs),
        keepaliveInterval: wholeSeconds(durationMs(interval)),
        keepaliveProbes: probes,
      },
    },
  };
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.round(ms / 1000));
}

function streamLimit({ maxConcurrentStreams }: ConnectionPoolSettings): Http2Init {
  return maxConcurrentStreams === 0 ? {} : { maxConcurrentStreams };
}

/** The other end is a sidecar, to which a PING is nothing. */
function meshKeepalive(): MessageInitShape<typeof KeepaliveSettingsSchema> {
  return {
    interval: duration(MESH_KEEPALIVE_INTERVAL_MS),
    timeout: duration(MESH_KEEPALIVE_TIMEOUT_MS),
    connectionIdleInterval: duration(MESH_KEEPALIVE_IDLE_INTERVAL_MS),
  };
}
