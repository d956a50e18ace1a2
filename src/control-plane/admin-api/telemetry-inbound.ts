/**
 * What came to each service, and what should have. Called sidecars tell of requests that arrived; of those that no instance
 * ever saw, because nobody could be reached or a policy answered for it, only callers' sidecars know. Pure.
 */
import type {
  TrafficAnswer,
  TrafficSteps,
  TrafficTotals,
} from "../telemetry/store/traffic-read.ts";
import { addSteps, addTotals, NO_TRAFFIC, sumTotals } from "./telemetry-figures.ts";

/** With these a request ended in its caller's sidecar. */
const NEVER_ARRIVED: ReadonlySet<string> = new Set([
  ...["UH", "UF", "UO", "NC", "NR", "FI", "DO", "UDO", "OM"],
]);

/** Traffic to a service. */
export interface Inbound {
  readonly totals: TrafficTotals;
  readonly steps: TrafficSteps | undefined;
  /** How many failed requests had these response flags. */
  readonly failures: ReadonlyMap<string, number>;
}

export const NO_INBOUND: Inbound = { totals: NO_TRAFFIC, steps: undefined, failures: new Map() };

/** By `namespace/name`. Rows are by reporter, the two of the destination, and flags. */
export function inboundOf({ rows }: TrafficAnswer): ReadonlyMap<string, Inbound> {
  const [arrived, told, lost] = [
    new Map<string, Inbound>(),
    new Map<string, Inbound>(),
    new Map<string, Inbound>(),
  ];
  for (const { key, totals, steps } of rows) {
    const [reporter, namespace = "", name = "", flags = ""] = key;
    if (reporter !== "source" && reporter !== "destination") continue;
    const ref = `${namespace}/${name}`;
    const failures = new Map(totals.errors > 0 ? [[flags, totals.errors]] : []);
    const row = { totals, steps, failures };
    add(reporter === "source" ? told : arrived, ref, row);
    if (reporter === "source" && hasNotArrived(flags)) add(lost, ref, row);
  }
  // What callers told of a service without sidecars has what never arrived in it already.
  const all = new Map([...told].filter(([ref]) => !arrived.has(ref)));
  for (const [ref, inbound] of arrived) all.set(ref, sumInbound(inbound, lost.get(ref)));
  return all;
}

/** Whether a request with these flags, as its caller's sidecar told them, came to no instance. */
export function hasNotArrived(flags: string): boolean {
  return flags.split(",").some((flag) => NEVER_ARRIVED.has(flag));
}

/** Of all services together. */
export function inboundOfAll(all: readonly Inbound[]): Pick<Inbound, "steps" | "totals"> {
  return {
    totals: sumTotals(all.map(({ totals }) => totals)),
    steps: all.map(({ steps }) => steps).reduce(addSteps, undefined),
  };
}

/** The flags of most failed requests; undefined without one. */
export function mainFlags({ failures }: Inbound): string | undefined {
  return [...failures].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

function add(into: Map<string, Inbound>, ref: string, row: Inbound): void {
  into.set(ref, sumInbound(into.get(ref) ?? NO_INBOUND, row));
}

function sumInbound(a: Inbound, b: Inbound | undefined): Inbound {
  if (b === undefined) return a;
  const failures = new Map(a.failures);
  for (const [flags, count] of b.failures) failures.set(flags, (failures.get(flags) ?? 0) + count);
  return { totals: addTotals(a.totals, b.totals), steps: addSteps(a.steps, b.steps), failures };
}
