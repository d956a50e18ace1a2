/** The Prometheus text format, version 0.0.4. */
import type { Labels, MetricFamily } from "./metric-family.ts";
import { type FamilySnapshot, type HistogramSnapshot, snapshotOf } from "./metric-snapshot.ts";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function prometheusText(families: readonly MetricFamily[]): string {
  return snapshotText(snapshotOf(families));
}

export function snapshotText(families: readonly FamilySnapshot[]): string {
  return families
    .filter((family) => family.series.length > 0)
    .map(familyText)
    .join("");
}

function familyText(family: FamilySnapshot): string {
  const help = family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  const lines = [`# HELP ${family.name} ${help}`, `# TYPE ${family.name} ${family.type}`];
  for (const { labels, value } of family.series) {
    if (typeof value === "number") {
      lines.push(`${family.name}${labelText(labels)} ${numberText(value)}`);
    } else {
      lines.push(...histogramLines(family.name, labels, value));
    }
  }
  return `${lines.join("\n")}\n`;
}

function histogramLines(name: string, labels: Labels, histogram: HistogramSnapshot): string[] {
  const lines: string[] = [];
  let cumulative = 0;
  for (const [index, bound] of [...histogram.bounds, Number.POSITIVE_INFINITY].entries()) {
    cumulative += histogram.counts[index]!;
    lines.push(`${name}_bucket${labelText({ ...labels, le: numberText(bound) })} ${cumulative}`);
  }
  lines.push(`${name}_sum${labelText(labels)} ${numberText(histogram.sum)}`);
  lines.push(`${name}_count${labelText(labels)} ${histogram.count}`);
  return lines;
}

export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

export function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

/** Label values come from peers as well: a line end would forge series. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
