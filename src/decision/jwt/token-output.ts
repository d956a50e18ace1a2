/** What a verified token leaves for those behind: metadata for filters and routes, fields for the app. */
import { Buffer } from "node:buffer";
import { wireText } from "../../core/wire-text.ts";
import { HeaderField, type HeaderName } from "../../http/header-field.ts";
import {
  type DynamicMetadata,
  isMetadataMap,
  type MetadataMap,
  type MetadataValue,
  valueAt,
} from "../dynamic-metadata.ts";
import { JWT_METADATA } from "../verified-token.ts";

export interface TokenOutput {
  /** Keys in the filter's metadata; "" for none. */
  readonly payloadKey: string;
  readonly headerKey: string;
  /** Claims that are lists with spaces between their values (RFC 8693 section 4.2): lists in the metadata. */
  readonly spacedClaims: readonly string[];
  /** Gets the payload as the token has it, in base64url. */
  readonly payloadField: { readonly name: HeaderName; readonly isPadded: boolean } | undefined;
  readonly claimFields: readonly ClaimField[];
}

export interface ClaimField {
  readonly name: HeaderName;
  /** A claim's name, or names with dots between them for one inside another. */
  readonly claim: string;
}

export function tokenMetadata(
  { payloadKey, headerKey, spacedClaims }: TokenOutput,
  header: MetadataMap,
  payload: MetadataMap,
): DynamicMetadata | undefined {
  const fields = new Map<string, MetadataMap>();
  if (payloadKey !== "") fields.set(payloadKey, withLists(payload, spacedClaims));
  if (headerKey !== "") fields.set(headerKey, header);
  return fields.size === 0 ? undefined : new Map([[JWT_METADATA, fields]]);
}

export function tokenFields(
  { payloadField, claimFields }: TokenOutput,
  payload: MetadataMap,
  payloadText: string,
): readonly HeaderField[] {
  const fields: HeaderField[] = [];
  if (payloadField !== undefined) {
    const padding = payloadField.isPadded ? "=".repeat((4 - (payloadText.length % 4)) % 4) : "";
    fields.push(new HeaderField(payloadField.name, payloadText + padding));
  }
  for (const { name, claim } of claimFields) {
    const text = claimText(payload.get(claim) ?? valueAt(payload, claim.split(".")));
    if (text !== undefined) fields.push(new HeaderField(name, text));
  }
  return fields;
}

function withLists(payload: MetadataMap, names: readonly string[]): MetadataMap {
  const found = names.filter((name) => typeof payload.get(name) === "string");
  if (found.length === 0) return payload;
  const lists = found.map((name) => [name, String(payload.get(name)).split(" ")] as const);
  return new Map<string, MetadataValue>([...payload, ...lists]);
}

/** As Envoy writes claims. Undefined for what is no field value. */
function claimText(value: MetadataValue | undefined): string | undefined {
  switch (typeof value) {
    case "string":
      return isFieldValue(value) ? wireText(value) : undefined;
    case "number":
      return value >= 0 && Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(6);
    case "boolean":
      return value ? "true" : "false";
    default:
      // As in Envoy, lists and objects leave as JSON in base64.
      if (value === undefined || value === null) return undefined;
      return Buffer.from(JSON.stringify(plainValue(value)), "utf8").toString("base64");
  }
}

function plainValue(value: MetadataValue): unknown {
  if (isMetadataMap(value)) {
    return Object.fromEntries([...value].map(([name, inner]) => [name, plainValue(inner)]));
  }
  return Array.isArray(value) ? value.map(plainValue) : value;
}

/** RFC 9110 section 5.5: nothing that would end the field, or the message. */
function isFieldValue(text: string): boolean {
  if (text === "" || text.trim() !== text) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false;
  }
  return true;
}
