/** The one time range of all views: the last so many minutes, which go on, or two instants, which stand still. */
import { computed } from "@preact/signals";
import { parameter, setParameters } from "./location.ts";

/** What may be chosen, as the API and the command line write it. */
export const RANGES = ["5m", "15m", "1h", "6h", "24h"] as const;
const DEFAULT_SINCE = "15m";

export type TimeRange =
  | { readonly kind: "live"; readonly since: string }
  | { readonly kind: "fixed"; readonly from: string; readonly to: string };

export const timeRange = computed((): TimeRange => {
  const [from, to] = [parameter("from"), parameter("to")];
  const isFixed = !Number.isNaN(Date.parse(from)) && Date.parse(from) < Date.parse(to);
  if (isFixed) return { kind: "fixed", from, to };
  const since = parameter("since");
  return { kind: "live", since: /^\d+[smhd]$/.test(since) ? since : DEFAULT_SINCE };
});

/** As the API's query has it. */
export const rangeParameters = computed((): Readonly<Record<string, string>> => {
  const range = timeRange.value;
  return range.kind === "live" ? { since: range.since } : { from: range.from, to: range.to };
});

/** As a command of the CLI has it, with a space in front; nothing for the default. */
export const rangeFlags = computed((): string => {
  const range = timeRange.value;
  if (range.kind === "fixed") return ` --since ${range.from} --until ${range.to}`;
  return range.since === DEFAULT_SINCE ? "" : ` --since ${range.since}`;
});

/** Shows the last so many minutes. */
export function showSince(since: string): void {
  setParameters({ since: since === DEFAULT_SINCE ? null : since, from: null, to: null });
}

/** Shows what was between two instants, in milliseconds since the epoch. */
export function showBetween(fromMs: number, toMs: number): void {
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  setParameters({ since: null, from, to });
}
