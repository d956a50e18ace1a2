/** Claims that a request is supposed to have, as filters would have found them in a verified token. */
import type { DynamicMetadata, MetadataValue } from "../../decision/dynamic-metadata.ts";
import { JWT_METADATA, JWT_PAYLOAD } from "../../decision/verified-token.ts";

/** Of a payload, as JSON. */
export type Claims = Readonly<Record<string, unknown>>;

export function claimsMetadata(claims: Claims): DynamicMetadata {
  return new Map([[JWT_METADATA, new Map([[JWT_PAYLOAD, metadataValue(claims)]])]]);
}

function metadataValue(value: unknown): MetadataValue {
  if (Array.isArray(value)) return value.map(metadataValue);
  if (typeof value === "object" && value !== null) {
    return new Map(Object.entries(value).map(([name, inner]) => [name, metadataValue(inner)]));
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  return null;
}
