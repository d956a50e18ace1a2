/** The HTTP filters of a listener: the router at the end, and before it what it is told to translate. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { GrpcWebSchema } from "../../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js";
import { RouterSchema } from "../../gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import type {
  HttpConnectionManager,
  HttpFilter,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";

export interface HttpFilters {
  /** `suppress_envoy_headers` of the router. */
  readonly isSilent: boolean;
  readonly hasGrpcWeb: boolean;
}

export function compileHttpFilters(
  { httpFilters }: HttpConnectionManager,
  path: string,
  errors: FieldError[],
): HttpFilters {
  const last = httpFilters.at(-1);
  const router = last === undefined ? undefined : routerOf(last);
  if (router === undefined) {
    errors.push({ path: `${path}.http_filters`, message: "the last filter must be the router" });
  }
  let hasGrpcWeb = false;
  for (const [index, filter] of httpFilters.slice(0, -1).entries()) {
    const at = `${path}.http_filters[${index}]`;
    if (!isGrpcWeb(filter)) {
      errors.push({ path: at, message: "only envoy.filters.http.grpc_web may precede the router" });
    } else if (hasGrpcWeb) {
      errors.push({ path: at, message: "stands in two places" });
    } else {
      hasGrpcWeb = true;
    }
  }
  return { isSilent: router?.suppressEnvoyHeaders ?? false, hasGrpcWeb };
}

function routerOf({ configType }: HttpFilter) {
  return configType.case === "typedConfig" ? anyUnpack(configType.value, RouterSchema) : undefined;
}

function isGrpcWeb({ configType }: HttpFilter): boolean {
  return (
    configType.case === "typedConfig" && anyUnpack(configType.value, GrpcWebSchema) !== undefined
  );
}
