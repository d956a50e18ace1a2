/**
 * Envoy's ext_authz filter, compiled: a service of somebody else decides about each request. Whom to ask, what the
 * service is told, what of its answer holds, and what happens without one.
 */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { EXT_AUTHZ_BODY_BYTES_MAX } from "../../core/limits.ts";
import {
  type BufferSettings,
  type ExtAuthz,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import {
  type AuthzGrpcTarget,
  checkApiVersion,
  compileGrpcTarget,
} from "../ext-authz/grpc-target.ts";
import { type AuthzHttpTarget, compileHttpTarget } from "../ext-authz/http-target.ts";
import { compileNameList } from "../ext-authz/name-list.ts";
import type { FieldError } from "../field-error.ts";
import { compileFraction } from "../fraction.ts";
import type { Condition } from "../rbac/condition.ts";
import { compileMetadataCondition } from "../rbac/metadata-condition.ts";
import type { StringTest } from "../string-matcher.ts";

/** How much of a request's body the service is told. */
export interface AuthzBodyRule {
  readonly bytesMax: number;
  /** A longer body is cut off for the service; otherwise its request is answered with 413. */
  readonly isPartialAllowed: boolean;
  /** As bytes, whatever they are, instead of as text. */
  readonly isBytes: boolean;
}

export type AuthzTarget =
  | ({ readonly kind: "grpc" } & AuthzGrpcTarget)
  | ({ readonly kind: "http" } & AuthzHttpTarget);

export interface ExtAuthzRule {
  readonly kind: "ext-authz";
  /** For metrics and logs: `stat_prefix`, or the name of the cluster. */
  readonly label: string;
  readonly target: AuthzTarget;
  /** Requests go on when the service does not answer. */
  readonly allowsOnFailure: boolean;
  /** And their app is told so. */
  readonly tellsFailure: boolean;
  readonly failureStatus: number;
  readonly body: AuthzBodyRule | undefined;
  /** The route is chosen anew when the service has changed the request. */
  readonly choosesRoute: boolean;
  /** Namespaces of dynamic metadata that the service is told. */
  readonly metadataNamespaces: readonly string[];
  /** Share of requests that are asked about, from 0 to 1. */
  readonly share: number;
  /** Requests that are asked about; undefined: all. */
  readonly onlyWhen: Condition | undefined;
  /** Those that are not are denied. */
  readonly deniesOthers: boolean;
  readonly tellsCertificate: boolean;
  readonly tellsServerName: boolean;
  /** Fields of the request that the service is told. Undefined: nothing is said. */
  readonly allowedHeaders: StringTest | undefined;
  readonly disallowedHeaders: StringTest | undefined;
  /** Each field by itself, with its bytes as they are. */
  readonly tellsRawHeaders: boolean;
  /** What the service has found out is left to filters behind. */
  readonly takesMetadata: boolean;
}

/** What a host or route says to the filter. */
export interface ExtAuthzRouteRule {
  readonly kind: "ext-authz-route";
  readonly isDisabled: boolean;
  /** What a gRPC service is told of the place. */
  readonly contextExtensions: ReadonlyMap<string, string>;
  /** Instead of the filter's. */
  readonly body: AuthzBodyRule | "none" | undefined;
}

const STATUS_DENIED = 403;

/** Undefined for messages of other filters. */
export function compileExtAuthz(
  config: Any,
  path: string,
  errors: FieldError[],
): ExtAuthzRule | undefined {
  const message = anyUnpack(config, ExtAuthzSchema);
  if (message === undefined) return undefined;
  checkApiVersion(message.transportApiVersion, path, errors);
  const target = targetOf(message, path, errors);
  return {
    kind: "ext-authz",
    label: message.statPrefix || target.cluster,
    target,
    allowsOnFailure: message.failureModeAllow,
    tellsFailure: message.failureModeAllowHeaderAdd,
    failureStatus: message.statusOnError?.code || STATUS_DENIED,
    body: compileBody(message.withRequestBody, `${path}.with_request_body`, errors),
    choosesRoute: message.clearRouteCache,
    // `validate_mutations` holds always.
    metadataNamespaces: message.metadataContextNamespaces,
    share: compileFraction(message.filterEnabled, `${path}.filter_enabled`, errors, 1),
    onlyWhen:
      message.filterEnabledMetadata &&
      compileMetadataCondition(
        message.filterEnabledMetadata,
        `${path}.filter_enabled_metadata`,
        errors,
      ),
    deniesOthers: message.denyAtDisable?.defaultValue ?? false,
    tellsCertificate: message.includePeerCertificate,
    tellsServerName: message.includeTlsSession,
    allowedHeaders: allowedHeadersOf(message, path, errors),
    disallowedHeaders: compileNameList(
      message.disallowedHeaders,
      `${path}.disallowed_headers`,
      errors,
    ),
    tellsRawHeaders: message.encodeRawHeaders,
    takesMetadata: message.enableDynamicMetadataIngestion ?? true,
  };
}

/** The same for `typed_per_filter_config`. */
export function compileExtAuthzOfRoute(
  config: Any,
  path: string,
  errors: FieldError[],
): ExtAuthzRouteRule | undefined {
  const message = anyUnpack(config, ExtAuthzPerRouteSchema);
  if (message === undefined) return undefined;
  const { override } = message;
  const settings = override.case === "checkSettings" ? override.value : undefined;
  if (settings === undefined && (override.case !== "disabled" || !override.value)) {
    errors.push({ path, message: "one of disabled: true, check_settings is required" });
  }
  const at = `${path}.check_settings`;
  const body = compileBody(settings?.withRequestBody, `${at}.with_request_body`, errors);
  const isBodyOff = settings?.disableRequestBodyBuffering ?? false;
  if (isBodyOff && body !== undefined) {
    const message = "cannot stand beside with_request_body";
    errors.push({ path: `${at}.disable_request_body_buffering`, message });
  }
  return {
    kind: "ext-authz-route",
    isDisabled: settings === undefined,
    contextExtensions: new Map(Object.entries(settings?.contextExtensions ?? {})),
    body: isBodyOff ? "none" : body,
  };
}

/** As in Envoy, what a route says goes before what its host says, key by key. */
export function inheritExtAuthz(
  rule: ExtAuthzRouteRule,
  outer: ExtAuthzRouteRule,
): ExtAuthzRouteRule {
  if (outer.contextExtensions.size === 0) return rule;
  const contextExtensions = new Map([...outer.contextExtensions, ...rule.contextExtensions]);
  return { ...rule, contextExtensions };
}

function targetOf({ services }: ExtAuthz, path: string, errors: FieldError[]): AuthzTarget {
  switch (services.case) {
    case "grpcService":
      return {
        kind: "grpc",
        ...compileGrpcTarget(services.value, `${path}.grpc_service`, errors),
      };
    case "httpService":
      return {
        kind: "http",
        ...compileHttpTarget(services.value, `${path}.http_service`, errors),
      };
    default:
      errors.push({ path, message: "one of grpc_service, http_service is required" });
      return { kind: "grpc", cluster: "", authority: "", timeoutMs: 0 };
  }
}

/** Where the list once stood, of the HTTP service alone, it still counts when it stands nowhere else. */
function allowedHeadersOf(
  { allowedHeaders, services }: ExtAuthz,
  path: string,
  errors: FieldError[],
): StringTest | undefined {
  const request = services.case === "httpService" ? services.value.authorizationRequest : undefined;
  if (allowedHeaders !== undefined) {
    return compileNameList(allowedHeaders, `${path}.allowed_headers`, errors);
  }
  const at = `${path}.http_service.authorization_request.allowed_headers`;
  return compileNameList(request?.allowedHeaders, at, errors);
}

function compileBody(
  settings: BufferSettings | undefined,
  path: string,
  errors: FieldError[],
): AuthzBodyRule | undefined {
  if (settings === undefined) return undefined;
  const { maxRequestBytes, allowPartialMessage, packAsBytes } = settings;
  if (maxRequestBytes === 0 || maxRequestBytes > EXT_AUTHZ_BODY_BYTES_MAX) {
    const message = `must be from 1 to ${EXT_AUTHZ_BODY_BYTES_MAX}`;
    errors.push({ path: `${path}.max_request_bytes`, message });
  }
  return {
    bytesMax: maxRequestBytes,
    isPartialAllowed: allowPartialMessage,
    isBytes: packAsBytes,
  };
}
