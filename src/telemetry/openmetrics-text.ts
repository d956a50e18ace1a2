/** The OpenMetrics text format, version 1.0.0: the exposition that has exemplars. */
import type { ExemplarSnapshot } from "./histogram-exemplars.ts";
import { bucketOf, type FamilySnapshot, type HistogramSnapshot } from "./metric-snapshot.ts";
import { labelText, numberText } from "./prometheus-text.ts";

export const OPENMETRICS_CONTENT_TYPE =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";

const TOTAL = "_total";

/** `more`: lines of others in this format, without an end of their own. */
export function openMetricsText(families: readonly FamilySnapshot[], more = ""): string {
  const texts = families.filter(({ series }) => series.length > 0).map(familyText);
  return `${texts.join("")}${more}# EOF\n`;
}

function familyText(family: FamilySnapshot): string {
  const { name, type } = family;
  // Section "Counter": a sample's name ends in _total, its family's does not. One that has no such end is told as unknown.
  const isCounter = type === "counter" && name.endsWith(TOTAL);
  const familyName = isCounter ? name.slice(0, -TOTAL.length) : name;
  const kind = type === "counter" && !isCounter ? "unknown" : type;
  const lines = [`# TYPE ${familyName} ${kind}`, `# HELP ${familyName} ${escaped(family.help)}`];
  for (const { labels, value } of family.series) {
    if (typeof value === "number") lines.push(`${name}${labelText(labels)} ${decimal(value)}`);
    else histogramLines(lines, name, labels, value);
  }
  return `${lines.join("\n")}\n`;
}

function histogramLines(
  lines: string[],
  name: string,
  labels: Readonly<Record<string, string>>,
  histogram: HistogramSnapshot,
): void {
  const { bounds, counts, exemplars = [] } = histogram;
  const byBucket = new Map(exemplars.map((one) => [bucketOf(bounds, one.value), one]));
  let cumulative = 0;
  for (const [index, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
    cumulative += counts[index]!;
    const text = labelText({ ...labels, le: decimal(bound) });
    lines.push(`${name}_bucket${text} ${cumulative}${exemplarText(byBucket.get(index))}`);
  }
  lines.push(`${name}_sum${labelText(labels)} ${decimal(histogram.sum)}`);
  lines.push(`${name}_count${labelText(labels)} ${histogram.count}`);
}

/** Section "Exemplars": at most 128 characters of labels. */
function exemplarText(exemplar: ExemplarSnapshot | undefined): string {
  if (exemplar === undefined) return "";
  const { traceId, spanId, value, timeMs } = exemplar;
  const labels =
    spanId === ""
      ? labelText({ trace_id: traceId })
      : labelText({ trace_id: traceId, span_id: spanId });
  return ` # ${labels} ${decimal(value)} ${(timeMs / 1000).toFixed(3)}`;
}

/** Section "Considerations: canonical numbers": bounds are floats, written with their point. */
function decimal(value: number): string {
  const text = numberText(value);
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** Whether a page with this `content-type` is of this format. */
export function isOpenMetrics(contentType: string): boolean {
  return contentType.trimStart().startsWith("application/openmetrics-text");
}

/** Whether a scraper asks for this format: Prometheus names it first, with a weight behind it. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  let [best, bestWeight] = ["", 0];
  for (const part of accept.split(",")) {
    const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const version = parameterOf(parameters, "version");
    const weight = Number(parameterOf(parameters, "q") ?? 1);
    const isOpenMetrics =
      type === "application/openmetrics-text" && (version ?? "1.0.0").startsWith("1.");
    const isText = type === "text/plain" || type === "*/*" || type === "text/*";
    if (!(isOpenMetrics || isText) || !(weight > bestWeight)) continue;
    [best, bestWeight] = [type, weight];
  }
  return best === "application/openmetrics-text";
}

function parameterOf(parameters: readonly string[], name: string): string | undefined {
  const found = parameters.find((parameter) => parameter.startsWith(`${name}=`));
  return found?.slice(name.length + 1).replaceAll('"', "");
}
