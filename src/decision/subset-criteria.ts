/** What a route demands of the labels of endpoints: the `envoy.lb` part of `metadata_match`, compiled. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Metadata } from "../gen/envoy/config/core/v3/base_pb.js";

export interface SubsetCriteria {
  /** Ascending. */
  readonly names: readonly string[];
  /** One for each name: equal for equal values, different for values of different types. */
  readonly values: readonly string[];
}

/** `outer` holds where `metadata` has no value of that name, as a route's for its weighted clusters. */
export function compileSubsetCriteria(
  metadata: Metadata | undefined,
  outer?: SubsetCriteria,
): SubsetCriteria | undefined {
  const own = metadata?.filterMetadata["envoy.lb"];
  return own === undefined ? outer : mergeCriteria(subsetCriteria(own), outer);
}

export function subsetCriteria(labels: JsonObject): SubsetCriteria | undefined {
  const names = Object.keys(labels).sort();
  if (names.length === 0) return undefined;
  return { names, values: names.map((name) => labelKey(labels[name]!)) };
}

/** Whether an endpoint with these labels is in the subset. Builds texts: not for each request. */
export function matchesSubset(labels: JsonObject, { names, values }: SubsetCriteria): boolean {
  return names.every((name, index) => {
    const value = labels[name];
    return value !== undefined && labelKey(value) === values[index];
  });
}

/** A text that is equal for equal values. Names in objects are in order. */
export function labelKey(value: JsonValue): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(labelKey).join(",")}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${labelKey(value[name]!)}`).join(",")}}`;
}

function mergeCriteria(
  own: SubsetCriteria | undefined,
  outer: SubsetCriteria | undefined,
): SubsetCriteria | undefined {
  if (own === undefined || outer === undefined) return own ?? outer;
  const merged = new Map<string, string>();
  for (const [index, name] of outer.names.entries()) merged.set(name, outer.values[index]!);
  for (const [index, name] of own.names.entries()) merged.set(name, own.values[index]!);
  const names = [...merged.keys()].sort();
  return { names, values: names.map((name) => merged.get(name)!) };
}
