/** Envoy's ext_authz network filter, compiled: a service of somebody else decides about each TCP connection. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { ExtAuthzSchema } from "../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import type { FieldError } from "../field-error.ts";
import type { Condition } from "../rbac/condition.ts";
import { compileMetadataCondition } from "../rbac/metadata-condition.ts";
import { type AuthzGrpcTarget, checkApiVersion, compileGrpcTarget } from "./grpc-target.ts";

export interface NetworkExtAuthzRule {
  /** For metrics and logs. */
  readonly label: string;
  readonly target: AuthzGrpcTarget;
  /** Connections are served when the service does not answer. */
  readonly allowsOnFailure: boolean;
  /** Connections that are asked about, by what shadow rules before have found; undefined: all. */
  readonly onlyWhen: Condition | undefined;
  readonly tellsCertificate: boolean;
  readonly tellsServerName: boolean;
}

/** Undefined for other messages. */
export function compileNetworkExtAuthz(
  config: Any,
  path: string,
  errors: FieldError[],
): NetworkExtAuthzRule | undefined {
  const message = anyUnpack(config, ExtAuthzSchema);
  if (message === undefined) return undefined;
  const { statPrefix, grpcService, filterEnabledMetadata } = message;
  if (statPrefix === "") errors.push({ path: `${path}.stat_prefix`, message: "is required" });
  checkApiVersion(message.transportApiVersion, path, errors);
  if (grpcService === undefined) {
    errors.push({ path: `${path}.grpc_service`, message: "is required" });
  }
  return {
    label: statPrefix,
    target:
      grpcService === undefined
        ? { cluster: "", authority: "", timeoutMs: 0 }
        : compileGrpcTarget(grpcService, `${path}.grpc_service`, errors),
    allowsOnFailure: message.failureModeAllow,
    onlyWhen:
      filterEnabledMetadata &&
      compileMetadataCondition(filterEnabledMetadata, `${path}.filter_enabled_metadata`, errors),
    tellsCertificate: message.includePeerCertificate,
    tellsServerName: message.includeTlsSession,
  };
}
