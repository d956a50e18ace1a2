/** HTTP filters of the sample bootstrap file, and what its routes say to them. */
import type { JsonObject } from "@bufbuild/protobuf";
import { TYPE } from "./sample-parts.ts";

function httpFilter(name: string, type: string, fields: JsonObject = {}): JsonObject {
  const typed_config = { "@type": `${TYPE}.extensions.filters.http.${name}.v3.${type}`, ...fields };
  return { name: `envoy.filters.http.${name}`, disabled: true, typed_config };
}

const GRPC_WEB = httpFilter("grpc_web", "GrpcWeb");
const ROUTER = httpFilter("router", "Router", { suppress_envoy_headers: true });

/** The router comes last. */
export const HTTP_FILTERS: readonly JsonObject[] = [GRPC_WEB, ROUTER];

export const ROUTE_FILTERS: JsonObject = {
  "envoy.filters.http.grpc_web": {
    "@type": `${TYPE}.config.route.v3.FilterConfig`,
    disabled: true,
  },
};
