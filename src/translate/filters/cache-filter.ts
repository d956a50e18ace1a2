/** CachePolicies in the sidecars of a Service's instances: a filter of ours, which Envoy passes over. */
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  FilterConfigSchema,
  HeaderMatcherSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import { durationMs } from "../../resource/duration.ts";
import type { CachePolicySpec } from "../../resource/kinds/cache-policy.ts";
import type { Findings } from "../findings.ts";
import type { MeshSnapshot } from "../mesh-snapshot.ts";
import { pack } from "../message.ts";
import { resolvePolicyTargets } from "../policy-targets.ts";
import type { FilterContribution } from "./filter-contribution.ts";
import { requestMatchers } from "./request-matchers.ts";

export const CACHE_FILTER = "tulle.filters.http.cache";
const CACHE_TYPE_URL = "type.googleapis.com/tulle.filters.http.cache.v1.Cache";

/** What the policies bring to the instances of a Service. Resolved once. */
export function resolveCacheFilters(
  snapshot: MeshSnapshot,
  findings: Findings,
): (service: string) => readonly FilterContribution[] {
  const policies = resolvePolicyTargets(snapshot.cachePolicies, ["Service"], snapshot, findings);
  return (service) => {
    const policy = policies.of("Service", service);
    return policy === undefined ? [] : [contribution(policy.spec)];
  };
}

/** The listener's part is always the same, so that the cache survives a change of its policy. */
function contribution(spec: CachePolicySpec): FilterContribution {
  const config = cacheConfig(settingsOf(spec));
  return {
    name: CACHE_FILTER,
    ofListener: cacheConfig({}),
    isOptional: true,
    ofHost: pack(FilterConfigSchema, create(FilterConfigSchema, { config, isOptional: true })),
    ofRoutes: new Map(),
  };
}

function cacheConfig(value: JsonObject): Any {
  return pack(TypedStructSchema, create(TypedStructSchema, { typeUrl: CACHE_TYPE_URL, value }));
}

function settingsOf(spec: CachePolicySpec): JsonObject {
  const { memory, key } = spec;
  return {
    headers: requestMatchers(spec.match).map((matcher) => toJson(HeaderMatcherSchema, matcher)),
    shared: spec.sharing === "Shared",
    default_ttl_ms: spec.defaultTtl === undefined ? 0 : durationMs(spec.defaultTtl),
    heuristic: spec.heuristicFreshness,
    targeted_fields: [...spec.targetedFields],
    stale_while_revalidate_ms: durationMs(spec.staleWhileRevalidate),
    stale_if_error_ms: durationMs(spec.staleIfError),
    wait_ms: durationMs(spec.collapseWait),
    bytes_max: memory.totalMebibytes * 1024 * 1024,
    object_bytes_max: memory.objectKibibytes * 1024,
    key_headers: [...(key?.headers ?? [])],
    ignored_query: [...(key?.ignoreQueryParams ?? [])],
    tag_header: spec.tagHeader,
    purges: (spec.purges ?? []).map(({ id, path = "", tag = "" }) => ({ id, path, tag })),
  };
}
