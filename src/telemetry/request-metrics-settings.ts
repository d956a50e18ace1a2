/** What a TelemetryPolicy says of metrics, for one side of a proxy: families left out, labels changed, further names. */
import { Counter } from "./counter.ts";
import { Histogram } from "./histogram.ts";
import type { Labels } from "./metric-family.ts";
import type { SeriesSource } from "./metric-registry.ts";

/** Istio's words for its families. */
export const METRIC_NAMES = [
  "REQUEST_COUNT",
  "REQUEST_DURATION",
  "REQUEST_SIZE",
  "RESPONSE_SIZE",
  "TCP_OPENED_CONNECTIONS",
  "TCP_CLOSED_CONNECTIONS",
  "TCP_SENT_BYTES",
  "TCP_RECEIVED_BYTES",
  "GRPC_REQUEST_MESSAGES",
  "GRPC_RESPONSE_MESSAGES",
] as const;

export type MetricName = (typeof METRIC_NAMES)[number];

/** One entry, in the order in which they are written: what comes later goes before. */
export interface MetricOverride {
  readonly metric: MetricName | "ALL_METRICS";
  readonly disabled: boolean | undefined;
  /** A label's value, or null where it is left out. */
  readonly tags: Readonly<Record<string, string | null>>;
}

export class MetricSettings {
  readonly overrides: readonly MetricOverride[];
  readonly isForEnvoy: boolean;
  readonly isForKiali: boolean;
  /** The same for settings that are the same. */
  readonly text: string;

  constructor(overrides: readonly MetricOverride[], compatibility: readonly string[]) {
    this.overrides = overrides;
    this.isForEnvoy = compatibility.includes("Envoy");
    this.isForKiali = compatibility.includes("Kiali");
    this.text = JSON.stringify([overrides, this.isForEnvoy, this.isForKiali]);
  }

  isDisabled(name: MetricName): boolean {
    const last = this.overrides.findLast(
      ({ metric, disabled }) => disabled !== undefined && isAbout(metric, name),
    );
    return last?.disabled === true;
  }

  /** `labels` as they are to be told. */
  labelsFor(name: MetricName, labels: Labels): Labels {
    let changed: Record<string, string> | undefined;
    for (const { metric, tags } of this.overrides) {
      if (!isAbout(metric, name)) continue;
      for (const [label, value] of Object.entries(tags)) {
        changed ??= { ...labels };
        if (value === null) delete changed[label];
        else changed[label] = value;
      }
    }
    return changed ?? labels;
  }
}

export const PLAIN_METRICS = new MetricSettings([], []);

function isAbout(metric: MetricOverride["metric"], name: MetricName): boolean {
  return metric === "ALL_METRICS" || metric === name;
}

/** The series of these labels; one that nobody sees where the family is left out. */
export function counterOf(
  source: SeriesSource<Counter>,
  name: MetricName,
  labels: Labels,
  settings: MetricSettings,
): Counter {
  return settings.isDisabled(name) ? new Counter() : source.with(settings.labelsFor(name, labels));
}

export function histogramOf(
  source: SeriesSource<Histogram>,
  name: MetricName,
  labels: Labels,
  settings: MetricSettings,
  bounds?: readonly number[],
): Histogram {
  if (settings.isDisabled(name)) return new Histogram(bounds);
  return source.with(settings.labelsFor(name, labels));
}
