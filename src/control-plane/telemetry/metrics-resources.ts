/**
 * The resources of an ExportMetricsServiceRequest without its points: which of them may be told, and the bytes of those
 * alone. Points are decoded where figures are kept, not where they arrive.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { ResourceSchema } from "../../gen/opentelemetry/proto/resource/v1/resource_pb.js";
import { attributesOf } from "./otlp-values.ts";
import type { Attributes, TelemetryResource } from "./telemetry-record.ts";
import type { CheckedResource } from "./telemetry-sender.ts";
import { WireReader } from "./wire-reader.ts";

export interface TakenMetrics {
  /** An ExportMetricsServiceRequest, with a ResourceMetrics for each of `resources`, in their order. */
  readonly bytes: Uint8Array;
  readonly resources: readonly TelemetryResource[];
  readonly rejectedPoints: number;
  /** Why, of the first that was refused. */
  readonly reason: string;
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** Throws `MalformedMessage`, or an error of the decoder. */
export function takeMetrics(
  bytes: Uint8Array,
  check: (attributes: Attributes) => CheckedResource,
): TakenMetrics {
  const reader = new WireReader(bytes);
  const taken: Part[] = [];
  const resources: TelemetryResource[] = [];
  let [rejectedPoints, reason] = [0, ""];
  reader.enter(0, bytes.length);
  for (let start = 0; reader.next(); start = reader.position) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    reader.open();
    const content = { start: reader.contentStart, end: reader.contentEnd };
    const checked = check(resourceAttributes(bytes, content));
    if (checked.ok) {
      resources.push(checked.resource);
      taken.push({ start, end: content.end });
    } else {
      rejectedPoints += countPoints(bytes, content);
      reason ||= checked.reason;
    }
  }
  const isWhole = rejectedPoints === 0 && reason === "";
  return { bytes: isWhole ? bytes : joined(bytes, taken), resources, rejectedPoints, reason };
}

function resourceAttributes(bytes: Uint8Array, { start, end }: Part): Attributes {
  const reader = new WireReader(bytes);
  reader.enter(start, end);
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    reader.open();
    const { contentStart, contentEnd } = reader;
    const resource = fromBinary(ResourceSchema, bytes.subarray(contentStart, contentEnd));
    return attributesOf(resource.attributes);
  }
  return {};
}

/** Path from ResourceMetrics to a data point: scope_metrics, metrics, one of the kinds of data, data_points. */
const KINDS_OF_DATA: ReadonlySet<number> = new Set([5, 7, 9, 10, 11]);
const DEPTH_OF_POINTS = 3;

function countPoints(bytes: Uint8Array, { start, end }: Part, depth = 0): number {
  const reader = new WireReader(bytes);
  reader.enter(start, end);
  let count = 0;
  while (reader.next()) {
    const isOnPath =
      depth === 2 ? KINDS_OF_DATA.has(reader.field) : reader.field === (depth === 3 ? 1 : 2);
    if (!isOnPath) {
      reader.skip();
      continue;
    }
    reader.open();
    const content = { start: reader.contentStart, end: reader.contentEnd };
    count += depth === DEPTH_OF_POINTS ? 1 : countPoints(bytes, content, depth + 1);
  }
  return count;
}

function joined(bytes: Uint8Array, parts: readonly Part[]): Uint8Array {
  return Buffer.concat(parts.map(({ start, end }) => bytes.subarray(start, end)));
}
