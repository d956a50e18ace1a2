/** Extension providers as Envoy's ext_authz filters, of HTTP and of TCP. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ApiVersion } from "../../gen/envoy/config/core/v3/config_source_pb.js";
import type { GrpcServiceSchema } from "../../gen/envoy/config/core/v3/grpc_service_pb.js";
import {
  type ExtAuthz,
  ExtAuthzSchema,
  type HttpServiceSchema,
} from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import {
  type ExtAuthz as NetworkExtAuthz,
  ExtAuthzSchema as NetworkExtAuthzSchema,
} from "../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import type { MetadataMatcherSchema } from "../../gen/envoy/type/matcher/v3/metadata_pb.js";
import type { ListStringMatcherSchema } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import { durationMs } from "../../resource/duration.ts";
import type {
  ExtensionProvider,
  GrpcProvider,
  HttpProvider,
} from "../../resource/kinds/extension-provider.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import { duration } from "../message.ts";
import type { ProviderService } from "./provider-service.ts";

type NameList = MessageInitShape<typeof ListStringMatcherSchema>;
export type EnabledWhen = MessageInitShape<typeof MetadataMatcherSchema>;

/** Who a user is, where a filter before has found out: services decide by claims more often than not. */
const TOLD_METADATA = ["envoy.filters.http.jwt_authn"];

export function providerFilter(
  { name, envoyExtAuthzGrpc: byGrpc, envoyExtAuthzHttp: byHttp }: DeepReadonly<ExtensionProvider>,
  service: ProviderService,
  filterEnabledMetadata: EnabledWhen,
): ExtAuthz {
  const spec = byGrpc ?? byHttp;
  const body = spec?.includeRequestBodyInCheck;
  return create(ExtAuthzSchema, {
    services:
      byHttp === undefined
        ? { case: "grpcService", value: grpcService(byGrpc, service) }
        : { case: "httpService", value: httpService(byHttp, service) },
    transportApiVersion: ApiVersion.V3,
    statPrefix: name,
    failureModeAllow: spec?.failOpen ?? false,
    failureModeAllowHeaderAdd: true,
    clearRouteCache: spec?.clearRouteCache ?? false,
    statusOnError: { code: Number(spec?.statusOnError ?? 403) },
    validateMutations: true,
    filterEnabledMetadata,
    metadataContextNamespaces: byGrpc === undefined ? [] : [...TOLD_METADATA],
    includePeerCertificate: byGrpc?.includePeerCertificate ?? false,
    ...(body && { withRequestBody: { ...body } }),
    ...(byHttp && byHttp.includeRequestHeadersInCheck.length > 0
      ? { allowedHeaders: nameList(byHttp.includeRequestHeadersInCheck) }
      : {}),
  });
}

/** Undefined for providers that speak HTTP, which cannot be asked about a connection. */
export function providerConnectionFilter(
  { name, envoyExtAuthzGrpc: spec }: DeepReadonly<ExtensionProvider>,
  service: ProviderService,
  filterEnabledMetadata: EnabledWhen,
): NetworkExtAuthz | undefined {
  if (spec === undefined) return undefined;
  return create(NetworkExtAuthzSchema, {
    statPrefix: name,
    grpcService: grpcService(spec, service),
    failureModeAllow: spec.failOpen,
    includePeerCertificate: spec.includePeerCertificate,
    transportApiVersion: ApiVersion.V3,
    filterEnabledMetadata,
  });
}

function grpcService(
  spec: DeepReadonly<GrpcProvider> | undefined,
  { cluster, host }: ProviderService,
): MessageInitShape<typeof GrpcServiceSchema> {
  return {
    targetSpecifier: { case: "envoyGrpc", value: { clusterName: cluster, authority: host } },
    timeout: duration(durationMs(spec?.timeout ?? "200ms")),
  };
}

function httpService(
  spec: DeepReadonly<HttpProvider>,
  { cluster, host }: ProviderService,
): MessageInitShape<typeof HttpServiceSchema> {
  const toAdd = Object.entries(spec.includeAdditionalHeadersInCheck ?? {});
  return {
    serverUri: {
      uri: `http://${host}`,
      httpUpstreamType: { case: "cluster", value: cluster },
      timeout: duration(durationMs(spec.timeout)),
    },
    pathPrefix: spec.pathPrefix ?? "",
    authorizationRequest: { headersToAdd: toAdd.map(([key, value]) => ({ key, value })) },
    authorizationResponse: {
      ...(spec.headersToUpstreamOnAllow.length > 0 && {
        allowedUpstreamHeaders: nameList(spec.headersToUpstreamOnAllow),
      }),
      ...(spec.headersToDownstreamOnDeny && {
        allowedClientHeaders: nameList(spec.headersToDownstreamOnDeny),
      }),
      ...(spec.headersToDownstreamOnAllow.length > 0 && {
        allowedClientHeadersOnSuccess: nameList(spec.headersToDownstreamOnAllow),
      }),
    },
  };
}

/** `x-*`, `*-id` and whole names. Envoy holds them against names in lower case. */
export function nameList(names: readonly string[]): NameList {
  return {
    patterns: names.map((text) => {
      const name = text.toLowerCase();
      if (name.endsWith("*")) return { matchPattern: { case: "prefix", value: name.slice(0, -1) } };
      if (name.startsWith("*")) return { matchPattern: { case: "suffix", value: name.slice(1) } };
      return { matchPattern: { case: "exact", value: name } };
    }),
  };
}
