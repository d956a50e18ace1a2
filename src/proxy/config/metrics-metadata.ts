/** What Envoy has no field for: `tulle.metrics` of a listener's metadata. Written by translation; what it is not is passed over. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Metadata } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  METRIC_NAMES,
  type MetricOverride,
  MetricSettings,
  PLAIN_METRICS,
} from "../../telemetry/request-metrics-settings.ts";

/** `{overrides: [{metric, disabled, tags: {name: value or null}}], compatibility: ["Envoy", "Kiali"]}`. */
export function metricSettings(metadata: Metadata | undefined): MetricSettings {
  const metrics = metadata?.filterMetadata["tulle"]?.["metrics"];
  if (!isObject(metrics)) return PLAIN_METRICS;
  const overrides = listOf(metrics["overrides"]).flatMap(overrideOf);
  const compatibility = listOf(metrics["compatibility"]).map(String);
  return new MetricSettings(overrides, compatibility);
}

function overrideOf(entry: JsonValue): MetricOverride[] {
  if (!isObject(entry)) return [];
  const metric = ["ALL_METRICS" as const, ...METRIC_NAMES].find((name) => name === entry["metric"]);
  if (metric === undefined) return [];
  const { disabled, tags } = entry;
  const told = Object.entries(isObject(tags) ? tags : {}).filter(
    (pair): pair is [string, string | null] => pair[1] === null || typeof pair[1] === "string",
  );
  return [
    {
      metric,
      disabled: typeof disabled === "boolean" ? disabled : undefined,
      tags: Object.fromEntries(told),
    },
  ];
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
