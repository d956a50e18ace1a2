/** What the Workload API says of tokens: SPIFFE Workload API, section 6. */
import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import type { MetadataMap, MetadataValue } from "../../decision/dynamic-metadata.ts";
import { formatKeySet } from "../../decision/spiffe/bundle-document.ts";
import {
  type JWTBundlesResponse,
  JWTBundlesResponseSchema,
  type JWTSVIDResponse,
  JWTSVIDResponseSchema,
  type ValidateJWTSVIDResponse,
  ValidateJWTSVIDResponseSchema,
} from "../../gen/spiffe/workload/workload_pb.js";
import { type SpiffeId, trustDomainId } from "../../identity/spiffe-id.ts";
import type { ReadyState } from "./workload-state.ts";

export function jwtSvidResponse(spiffeId: SpiffeId, svid: string): JWTSVIDResponse {
  return create(JWTSVIDResponseSchema, { svids: [{ spiffeId, svid }] });
}

export function jwtBundlesResponse({ bundles }: ReadyState): JWTBundlesResponse {
  const entries = [...bundles]
    .filter(([, { jwtKeys }]) => jwtKeys.length > 0)
    .map(
      ([name, { jwtKeys }]) => [trustDomainId(name), Buffer.from(formatKeySet(jwtKeys))] as const,
    );
  return create(JWTBundlesResponseSchema, { bundles: Object.fromEntries(entries) });
}

export function validatedResponse(
  spiffeId: SpiffeId,
  claims: MetadataMap,
): ValidateJWTSVIDResponse {
  return create(ValidateJWTSVIDResponseSchema, { spiffeId, claims: jsonObject(claims) });
}

function jsonObject(map: MetadataMap): JsonObject {
  return Object.fromEntries([...map].map(([name, value]) => [name, jsonOf(value)]));
}

function jsonOf(value: MetadataValue): JsonValue {
  if (value instanceof Map) return jsonObject(value as MetadataMap);
  if (Array.isArray(value)) return value.map(jsonOf);
  return value as JsonValue;
}
