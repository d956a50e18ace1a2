/** The network filter that speaks HTTP on a listener. Everything that both directions share is here. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { REQUEST_HEAD_TIMEOUT_MS } from "../core/limits.ts";
import type { KeepaliveSettingsSchema } from "../gen/envoy/config/core/v3/protocol_pb.js";
import {
  type Filter,
  FilterSchema,
} from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import { GrpcWebSchema } from "../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import { RouterSchema } from "../gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
  type HttpFilterSchema,
} from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { type FilterContribution, listenerFilters } from "./filters/filter-contribution.ts";
import { duration, pack } from "./message.ts";
import type { PathNormalizationFields } from "./path-normalization.ts";

type HttpConnectionManagerInit = Exclude<
  MessageInitShape<typeof HttpConnectionManagerSchema>,
  HttpConnectionManager
>;

type HttpFilterInit = MessageInitShape<typeof HttpFilterSchema>;

/** What differs between the directions. */
export type HttpConnectionManagerOptions = Required<
  Pick<HttpConnectionManagerInit, "statPrefix" | "routeSpecifier">
> &
  Pick<
    HttpConnectionManagerInit,
    | "accessLog"
    | "commonHttpProtocolOptions"
    | "forwardClientCertDetails"
    | "localReplyConfig"
    | "proxyStatusConfig"
    | "setCurrentClientCertDetails"
    | "streamIdleTimeout"
    | "tracing"
    | "useRemoteAddress"
    | "xffNumTrustedHops"
  > & {
    /** Of clients that speak HTTP/2. */
    readonly keepalive?: MessageInitShape<typeof KeepaliveSettingsSchema>;
    readonly paths: PathNormalizationFields;
    /** Calls of gRPC-Web, as browsers make them, become calls of gRPC. */
    readonly translatesGrpcWeb: boolean;
    /** What policies put before the router. */
    readonly filters: readonly FilterContribution[];
  };

export function httpConnectionManager({
  keepalive,
  paths,
  translatesGrpcWeb,
  filters,
  ...options
}: HttpConnectionManagerOptions): Filter {
  const manager = create(HttpConnectionManagerSchema, {
    ...options,
    codecType: HttpConnectionManager_CodecType.AUTO,
    upgradeConfigs: [{ upgradeType: "websocket" }],
    http2ProtocolOptions: {
      // RFC 8441: WebSocket on a connection that speaks HTTP/2.
      allowConnect: true,
      ...(keepalive === undefined ? {} : { connectionKeepalive: keepalive }),
    },
    httpFilters: [
      ...(translatesGrpcWeb ? [grpcWebFilter()] : []),
      ...listenerFilters(filters),
      {
        name: "envoy.filters.http.router",
        configType: {
          case: "typedConfig",
          // An app sees no trace of the proxy: neither x-envoy-* headers nor a server header of its own.
          value: pack(RouterSchema, create(RouterSchema, { suppressEnvoyHeaders: true })),
        },
      },
    ],
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    generateRequestId: true,
    // `Shop.` and `shop` are one host to DNS (lesson T23): routes, policies and the app see the same.
    stripTrailingHostDot: true,
    ...paths,
    requestHeadersTimeout: duration(REQUEST_HEAD_TIMEOUT_MS),
  });
  return create(FilterSchema, {
    name: "envoy.filters.network.http_connection_manager",
    configType: { case: "typedConfig", value: pack(HttpConnectionManagerSchema, manager) },
  });
}

function grpcWebFilter(): HttpFilterInit {
  return {
    name: "envoy.filters.http.grpc_web",
    configType: { case: "typedConfig", value: pack(GrpcWebSchema, create(GrpcWebSchema)) },
  };
}
