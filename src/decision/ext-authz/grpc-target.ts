/** The gRPC service of an ext_authz filter, compiled: whom to ask, under which name, and for how long to wait. */
import { EXT_AUTHZ_TIMEOUT_MS } from "../../core/limits.ts";
import { ApiVersion } from "../../gen/envoy/config/core/v3/config_source_pb.js";
import type { GrpcService } from "../../gen/envoy/config/core/v3/grpc_service_pb.js";
import { compileDuration } from "../duration.ts";
import type { FieldError } from "../field-error.ts";

export interface AuthzGrpcTarget {
  readonly cluster: string;
  /** What the service is told to be asked as. */
  readonly authority: string;
  /** How long an answer is waited for, in milliseconds. 0 for no limit. */
  readonly timeoutMs: number;
}

export function compileGrpcTarget(
  { targetSpecifier, timeout }: GrpcService,
  path: string,
  errors: FieldError[],
): AuthzGrpcTarget {
  const target = targetSpecifier.case === "envoyGrpc" ? targetSpecifier.value : undefined;
  const cluster = target?.clusterName ?? "";
  if (cluster === "") {
    const message = "is required: the cluster of the authorization service";
    errors.push({ path: `${path}.envoy_grpc.cluster_name`, message });
  }
  return {
    cluster,
    authority: target?.authority || cluster,
    timeoutMs: compileDuration(timeout, `${path}.timeout`, errors) ?? EXT_AUTHZ_TIMEOUT_MS,
  };
}

/** Both filters ask in one version only. */
export function checkApiVersion(version: ApiVersion, path: string, errors: FieldError[]): void {
  if (version === ApiVersion.V3) return;
  errors.push({ path: `${path}.transport_api_version`, message: "only V3 is implemented" });
}
