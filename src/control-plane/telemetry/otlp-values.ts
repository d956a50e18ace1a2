/** OTLP's attributes and ids as the values that records have (opentelemetry.proto.common.v1). */
import type { AnyValue, KeyValue } from "../../gen/opentelemetry/proto/common/v1/common_pb.js";
import type { Attributes, AttributeValue } from "./telemetry-record.ts";

/** Lists within lists deeper than this are left out: nobody of ours writes them. */
const DEPTH_MAX = 4;
/** Of one span, record or resource; OpenTelemetry's SDKs stop at 128. */
export const ATTRIBUTES_MAX = 256;
/** Of one text: a captured part of a body is shorter. */
const TEXT_MAX = 16 * 1024;

export function attributesOf(list: readonly KeyValue[]): Attributes {
  const attributes: Record<string, AttributeValue> = Object.create(null);
  for (const { key, value } of list.slice(0, ATTRIBUTES_MAX)) {
    const found = attributeValue(value, 0);
    if (found !== undefined) attributes[key] = found;
  }
  return { ...attributes };
}

export function attributeValue(
  value: AnyValue | undefined,
  depth: number,
): AttributeValue | undefined {
  const one = value?.value;
  switch (one?.case) {
    case "stringValue":
      return one.value.length > TEXT_MAX ? one.value.slice(0, TEXT_MAX) : one.value;
    case "boolValue":
    case "doubleValue":
      return one.value;
    case "intValue":
      return Number(one.value);
    case "bytesValue":
      return Buffer.from(one.value).toString("base64");
    case "arrayValue": {
      if (depth >= DEPTH_MAX) return undefined;
      return one.value.values
        .slice(0, ATTRIBUTES_MAX)
        .map((each) => attributeValue(each, depth + 1))
        .filter((each) => each !== undefined);
    }
    case "kvlistValue": {
      if (depth >= DEPTH_MAX) return undefined;
      // Records have no maps: as text, which is how they are shown.
      const entries = one.value.values.map(
        ({ key, value: inner }) => [key, attributeValue(inner, depth + 1)] as const,
      );
      return JSON.stringify(Object.fromEntries(entries)).slice(0, TEXT_MAX);
    }
    default:
      return undefined;
  }
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

export function textOf(attributes: Attributes, name: string): string {
  const value = attributes[name];
  return value === undefined ? "" : String(value);
}
