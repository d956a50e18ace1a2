/** The metrics page in the format that its reader asks for. */
import type { FamilySnapshot } from "./metric-snapshot.ts";
import { OPENMETRICS_CONTENT_TYPE, openMetricsText, wantsOpenMetrics } from "./openmetrics-text.ts";
import { PROMETHEUS_CONTENT_TYPE, snapshotText } from "./prometheus-text.ts";

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** Lines of somebody else, without an end of their own. */
export interface FurtherLines {
  readonly isOpenMetrics: boolean;
  readonly text: string;
}

/**
 * `accept`: the header field of the request. Only OpenMetrics has exemplars. Further lines decide: a page has one format.
 */
export function exposition(
  families: readonly FamilySnapshot[],
  accept: string | undefined,
  more?: FurtherLines,
): Exposition {
  if (more?.isOpenMetrics ?? wantsOpenMetrics(accept)) {
    return { contentType: OPENMETRICS_CONTENT_TYPE, body: openMetricsText(families, more?.text) };
  }
  return {
    contentType: PROMETHEUS_CONTENT_TYPE,
    body: `${snapshotText(families)}${more?.text ?? ""}`,
  };
}
