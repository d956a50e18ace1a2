/** Which of the app's clusters a request that came through the mesh goes to: what its client spoke decides. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  HeaderMatcherSchema,
  type Route,
  RouteSchema,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import type { StringMatcherSchema } from "../gen/envoy/type/matcher/v3/string_pb.js";
import { PROTOCOL_HEADER } from "./defaults.ts";
import { duration } from "./message.ts";
import { inboundHttp2Name, inboundName } from "./names.ts";

/** What `%PROTOCOL%` says of HTTP/2. */
const HTTP2 = "HTTP/2";

/**
 * `as-client`: the app gets HTTP/2 from clients that speak it and HTTP/1.1 from all others, so that the mesh hop
 * changes nothing. A caller that does not tell is asked for gRPC, which is HTTP/2 always; gRPC-Web, whose
 * content type begins alike, goes as HTTP/1.1.
 */
export function inboundRoutes(appPort: number, http: "http1" | "http2" | "as-client"): Route[] {
  const http1 = inboundName(appPort);
  const http2 = inboundHttp2Name(appPort);
  switch (http) {
    case "http1":
      return [inboundRoute("default", http1)];
    case "http2":
      return [inboundRoute("default", http2)];
    case "as-client":
      return [
        inboundRoute("http2", http2, [PROTOCOL_HEADER, { case: "exact", value: HTTP2 }]),
        inboundRoute("grpc-web", http1, [
          "content-type",
          { case: "prefix", value: "application/grpc-web" },
        ]),
        inboundRoute("grpc", http2, [
          "content-type",
          { case: "prefix", value: "application/grpc" },
        ]),
        inboundRoute("default", http1),
      ];
  }
}

type MatchPattern = NonNullable<MessageInitShape<typeof StringMatcherSchema>["matchPattern"]>;

function inboundRoute(
  name: string,
  cluster: string,
  header?: readonly [name: string, pattern: MatchPattern],
): Route {
  const matchers =
    header === undefined
      ? []
      : [
          create(HeaderMatcherSchema, {
            name: header[0],
            headerMatchSpecifier: { case: "stringMatch", value: { matchPattern: header[1] } },
          }),
        ];
  return create(RouteSchema, {
    name,
    match: { pathSpecifier: { case: "prefix", value: "/" }, headers: matchers },
    action: {
      case: "route",
      value: {
        clusterSpecifier: { case: "cluster", value: cluster },
        timeout: duration(0),
        retryPolicy: { retryOn: "reset-before-request", numRetries: 1 },
      },
    },
  });
}
