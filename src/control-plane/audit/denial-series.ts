/** What authorization policies denied, out of a sidecar's Prometheus text: only lines of that counter are taken apart. */

const DENIED = "tulle_policy_decisions_total{";
/** A sidecar has at most so many series of a family. */
const SERIES_MAX = 4096;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

export interface DeniedSeries {
  readonly policy: string;
  readonly rule: string;
  readonly condition: string;
  readonly principal: string;
  readonly count: number;
}

/** By the text of the labels. Dry runs are left out. */
export function readDenials(exposition: string): ReadonlyMap<string, DeniedSeries> {
  const found = new Map<string, DeniedSeries>();
  for (const line of exposition.split("\n")) {
    if (!line.startsWith(DENIED) || !line.includes('result="denied"')) continue;
    const end = line.lastIndexOf("}");
    const text = line.slice(DENIED.length, end);
    const count = Number(line.slice(end + 1).trim());
    if (end < 0 || !Number.isFinite(count) || found.size === SERIES_MAX) continue;
    const labels = new Map<string, string>();
    for (const [, name = "", value = ""] of text.matchAll(LABEL))
      labels.set(name, unescaped(value));
    if (labels.get("mode") === "shadow") continue;
    const label = (name: string): string => labels.get(name) ?? "";
    found.set(text, {
      policy: label("policy"),
      rule: label("rule"),
      condition: label("condition"),
      principal: label("source_principal"),
      count,
    });
  }
  return found;
}

/** Prometheus' text format: \\, \" and \n. */
function unescaped(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
}
