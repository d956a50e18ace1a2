/** The metrics page in the format that its reader asks for. */
import type { FamilySnapshot } from "./metric-snapshot.ts";
import { OPENMETRICS_CONTENT_TYPE, openMetricsText, wantsOpenMetrics } from "./openmetrics-text.ts";
import { PROMETHEUS_CONTENT_TYPE, snapshotText } from "./prometheus-text.ts";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** `accept`: the header field of the request. Only OpenMetrics has exemplars. */
export function exposition(
  families: readonly FamilySnapshot[],
  accept: string | undefined,
): Exposition {
  return wantsOpenMetrics(accept)
    ? { contentType: OPENMETRICS_CONTENT_TYPE, body: openMetricsText(families) }
    : { contentType: PROMETHEUS_CONTENT_TYPE, body: snapshotText(families) };
}
