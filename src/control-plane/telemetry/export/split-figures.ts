/** The parts of an ExportMetricsServiceRequest, without decoding what is in them. */
import type { TelemetryResource } from "../telemetry-record.ts";
import { WireReader } from "../wire-reader.ts";
import type { ResourceFigures } from "./export-target.ts";

/** metrics_service.proto: resource_metrics. */
const RESOURCE_METRICS = 1;

/** `resources` are those of the parts, in their order. Throws `MalformedMessage`. */
export function splitFigures(
  bytes: Uint8Array,
  resources: readonly TelemetryResource[],
): readonly ResourceFigures[] {
  const reader = new WireReader(bytes);
  const figures: ResourceFigures[] = [];
  reader.enter(0, bytes.length);
  while (reader.next()) {
    if (reader.field !== RESOURCE_METRICS) {
      reader.skip();
      continue;
    }
    reader.open();
    const resource = resources[figures.length];
    if (resource === undefined) break;
    figures.push({ resource, bytes: bytes.subarray(reader.contentStart, reader.contentEnd) });
  }
  return figures;
}
