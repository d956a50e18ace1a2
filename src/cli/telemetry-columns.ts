/** What `tulle get` shows of TelemetryPolicies, besides whether they are accepted; and whom a policy for workloads is for. */
import { asRecord, recordsAt, textAt, valueAt } from "./json-view.ts";
import type { TextColumns } from "./trust-columns.ts";

export const TELEMETRY_TEXTS: TextColumns = {
  titles: ["LOGS", "TRACES", "METRICS", "FOR"],
  texts: (spec) => {
    const outputs = recordsAt(spec, "accessLogs").map((log) => textAt(log, "output") || "Stdout");
    const saysNone = spec["accessLogs"] !== undefined && outputs.length === 0;
    return [
      outputs.join(",") || (saysNone ? "none" : "-"),
      spec["tracing"] === undefined ? "-" : "changed",
      spec["metrics"] === undefined ? "-" : "changed",
      workloadsText(spec),
    ];
  },
};

/** Names of Services, labels of a selector, or everybody. */
export function workloadsText(spec: unknown): string {
  const targets = recordsAt(spec, "targetRefs").map((target) => textAt(target, "name"));
  const labels = Object.entries(asRecord(valueAt(spec, "selector", "matchLabels")));
  const selected = labels.map(([key, value]) => `${key}=${String(value)}`);
  return targets.join(",") || selected.join(",") || "all workloads";
}
