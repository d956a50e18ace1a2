/**
 * OTLP's JSON as messages. It is proto3's mapping but for ids of traces and spans, which are hexadecimal and not base64
 * (OTLP specification, "JSON Protobuf Encoding").
 */
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import { MalformedMessage } from "./wire-reader.ts";

const IDS: ReadonlySet<string> = new Set(["traceId", "spanId", "parentSpanId"]);
/** Deeper than any message of OTLP. */
const DEPTH_MAX = 24;

/** Throws `MalformedMessage`. */
export function otlpFromJson<Desc extends DescMessage>(
  schema: Desc,
  text: string,
): MessageShape<Desc> {
  try {
    const parsed = JSON.parse(text) as JsonValue;
    return fromJson(schema, withBase64Ids(parsed, 0), { ignoreUnknownFields: true });
  } catch (error) {
    throw new MalformedMessage(error instanceof Error ? error.message : String(error));
  }
}

function withBase64Ids(value: JsonValue, depth: number): JsonValue {
  if (depth > DEPTH_MAX) throw new MalformedMessage("nested too deep");
  if (Array.isArray(value)) return value.map((each) => withBase64Ids(each, depth + 1));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      typeof inner === "string" && IDS.has(key)
        ? Buffer.from(inner, "hex").toString("base64")
        : withBase64Ids(inner, depth + 1),
    ]),
  );
}
