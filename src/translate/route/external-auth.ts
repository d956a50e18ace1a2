/**
 * The ExternalAuth filter of HTTPRoutes as Envoy's ext_authz filter. Its service and settings stand in the listener, one
 * filter for each that differs, disabled there; routes turn theirs on.
 */
import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { EXT_AUTHZ_BODY_BYTES_MAX, EXT_AUTHZ_TIMEOUT_MS } from "../../core/limits.ts";
import { ApiVersion } from "../../gen/envoy/config/core/v3/config_source_pb.js";
import {
  type ExtAuthz,
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from "../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import type { HttpRoute } from "../../resource/kinds/http-route.ts";
import type { HttpRouteFilter } from "../../resource/kinds/http-route-filter.ts";
import type { DeepReadonly } from "../../resource/object.ts";
import { nameList } from "../ext-authz/provider-filter.ts";
import type { FilterContribution } from "../filters/filter-contribution.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { duration, pack } from "../message.ts";
import { outboundName, qualifiedName, serviceHost } from "../names.ts";
import { parentServices } from "../session-filter.ts";

export type ExternalAuth = DeepReadonly<
  Extract<HttpRouteFilter, { readonly type: "ExternalAuth" }>["externalAuth"]
>;

const NAME = "envoy.filters.http.ext_authz.route";
const HASH_LENGTH = 12;

/** Whether a listener without the filter of this name would let requests of its route pass unasked. */
export function isRouteAuth(filterName: string): boolean {
  return filterName.startsWith(`${NAME}.`);
}

/** The filters that the routes of each Service, or Gateway, turn on, by `namespace/name`. */
export function routeAuthFilters({
  httpRoutes,
  trustDomain,
}: MeshSnapshot): ReadonlyMap<string, readonly FilterContribution[]> {
  const routeByKey = new Map(httpRoutes.map((route) => [qualifiedName(route.metadata), route]));
  const byService = new Map<string, Map<string, FilterContribution>>();
  for (const route of httpRoutes) {
    for (const auth of authsOf(route)) {
      const message = filterOf(auth, route.metadata.namespace, trustDomain);
      const name = nameOf(message);
      for (const service of parentServices(route, routeByKey, new Set())) {
        const filters = byService.get(service) ?? new Map<string, FilterContribution>();
        byService.set(service, filters);
        filters.set(name, {
          name,
          ofListener: pack(ExtAuthzSchema, message),
          ofHost: undefined,
          ofRoutes: new Map(),
        });
      }
    }
  }
  return new Map([...byService].map(([service, filters]) => [service, sorted(filters)]));
}

/** What a route says that has the filter. */
export function routeAuthConfig(
  auth: ExternalAuth,
  namespace: string,
  trustDomain: string,
): Record<string, Any> {
  const settings = create(ExtAuthzPerRouteSchema, {
    override: { case: "checkSettings", value: {} },
  });
  const name = nameOf(filterOf(auth, namespace, trustDomain));
  return { [name]: pack(ExtAuthzPerRouteSchema, settings) };
}

function sorted(filters: ReadonlyMap<string, FilterContribution>): readonly FilterContribution[] {
  return [...filters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function authsOf({ spec }: HttpRoute): readonly ExternalAuth[] {
  return spec.rules.flatMap(({ filters = [] }) =>
    filters.flatMap((filter) => (filter.type === "ExternalAuth" ? [filter.externalAuth] : [])),
  );
}

/** Equal filters have equal names, so that no order of routes changes a listener. */
function nameOf(message: ExtAuthz): string {
  const { value } = pack(ExtAuthzSchema, message);
  return `${NAME}.${createHash("sha256").update(value).digest("hex").slice(0, HASH_LENGTH)}`;
}

function filterOf(auth: ExternalAuth, namespace: string, trustDomain: string): ExtAuthz {
  const { backendRef, protocol, grpc, http, forwardBody } = auth;
  const target = { name: backendRef.name, namespace: backendRef.namespace ?? namespace };
  const host = serviceHost(target, trustDomain);
  const cluster = outboundName(host, backendRef.port ?? 0);
  const allowed = (protocol === "GRPC" ? grpc : http)?.allowedHeaders ?? [];
  // HTTPExternalAuthFilter.forwardBody.maxSize: what is longer is cut off; 0: no body.
  const bytesMax = Math.min(forwardBody?.maxSize ?? 0, EXT_AUTHZ_BODY_BYTES_MAX);
  return create(ExtAuthzSchema, {
    services:
      protocol === "GRPC"
        ? {
            case: "grpcService",
            value: {
              targetSpecifier: {
                case: "envoyGrpc",
                value: { clusterName: cluster, authority: host },
              },
              timeout: duration(EXT_AUTHZ_TIMEOUT_MS),
            },
          }
        : {
            case: "httpService",
            value: {
              serverUri: {
                uri: `http://${host}`,
                httpUpstreamType: { case: "cluster", value: cluster },
                timeout: duration(EXT_AUTHZ_TIMEOUT_MS),
              },
              pathPrefix: http?.path ?? "",
              authorizationResponse: {
                allowedUpstreamHeaders: upstreamNames(http?.allowedResponseHeaders ?? []),
              },
            },
          },
    transportApiVersion: ApiVersion.V3,
    statPrefix: qualifiedName(target),
    validateMutations: true,
    ...(allowed.length > 0 && { allowedHeaders: nameList(allowed) }),
    ...(bytesMax > 0 && {
      withRequestBody: {
        maxRequestBytes: bytesMax,
        allowPartialMessage: true,
        packAsBytes: protocol === "GRPC",
      },
    }),
  });
}

/** HTTPAuthConfig.allowedResponseHeaders: where nothing is listed, the backend gets all of them. */
function upstreamNames(
  names: readonly string[],
): NonNullable<MessageInitShape<typeof ExtAuthzSchema>["allowedHeaders"]> {
  if (names.length > 0) return nameList(names);
  return { patterns: [{ matchPattern: { case: "safeRegex", value: { regex: ".+" } } }] };
}
