/** Ratios between proxies of the same round, and how they spread. */
import { PROXIES, type ProxyName, SCENARIOS, type ScenarioName } from "./names.ts";
import type { Sample } from "./samples.ts";
import { MEGABYTE, SCENARIO_TABLE } from "./scenarios.ts";
import { comparedWith } from "./variants.ts";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws on an empty list. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.ceil((sorted.length - 1) / 2)];
  const [min] = sorted;
  const max = sorted.at(-1);
  if (middle === undefined || upper === undefined || min === undefined || max === undefined) {
    throw new Error("no values");
  }
  return { median: (middle + upper) / 2, min, max };
}

export const MEASURES = ["cpu", "throughput", "p50"] as const;
/** CPU per request, megabytes of bodies per second of CPU, median latency. */
export type Measure = (typeof MEASURES)[number];

export function figureOf(sample: Sample, measure: Measure): number {
  switch (measure) {
    case "cpu":
      return sample.cpuUsPerRequest;
    case "throughput":
      return MEGABYTE / sample.cpuUsPerRequest;
    case "p50":
      return sample.p50Us;
  }
}

export interface Ratio extends Spread {
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly variant: string;
  readonly measure: Measure;
  /** Our sidecar's figure divided by this proxy's. */
  readonly against: ProxyName;
}

/** Ratios are taken round by round, so that what slows a whole round leaves them alone. */
export function ratiosOf(samples: readonly Sample[], measure: Measure): Ratio[] {
  return groupsOf(samples).flatMap(({ scenario, connections, variant, members }) => {
    const ours = members.filter((sample) => sample.proxy === "tulle");
    return PROXIES.filter((proxy) => proxy !== "tulle").flatMap((against) => {
      const ratios = ours.flatMap((own) => {
        const theirs = members.find((s) => s.proxy === against && s.round === own.round);
        return theirs === undefined ? [] : [figureOf(own, measure) / figureOf(theirs, measure)];
      });
      if (ratios.length === 0) return [];
      return [{ scenario, connections, variant, measure, against, ...spreadOf(ratios) }];
    });
  });
}

/** What a request costs in one variant, divided by what it costs the same proxy in another one. */
export interface VariantRatio extends Spread {
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly proxy: ProxyName;
  readonly variant: string;
  readonly against: string;
}

/** Of CPU per request, within a round as the others. */
export function variantRatiosOf(samples: readonly Sample[]): VariantRatio[] {
  const groups = groupsOf(samples);
  return groups.flatMap(({ scenario, connections, variant: name, members }) => {
    const { variants } = SCENARIO_TABLE[scenario];
    const variant = variants.find((other) => other.name === name);
    if (variant === undefined) return [];
    return comparedWith(variants, variant).flatMap((against) => {
      const others = groups.find(
        (group) =>
          group.scenario === scenario &&
          group.connections === connections &&
          group.variant === against,
      );
      return PROXIES.flatMap((proxy) => {
        const ratios = ratiosWithin(members, others?.members ?? [], proxy);
        if (ratios.length === 0) return [];
        return [{ scenario, connections, proxy, variant: name, against, ...spreadOf(ratios) }];
      });
    });
  });
}

/** Of one proxy, a ratio for each round with both. */
function ratiosWithin(
  above: readonly Sample[],
  below: readonly Sample[],
  proxy: ProxyName,
): readonly number[] {
  return above.flatMap((sample) => {
    if (sample.proxy !== proxy) return [];
    const other = below.find((s) => s.proxy === proxy && s.round === sample.round);
    return other === undefined ? [] : [sample.cpuUsPerRequest / other.cpuUsPerRequest];
  });
}

export interface SampleGroup<T> {
  readonly scenario: ScenarioName;
  readonly connections: number;
  readonly variant: string;
  readonly members: readonly T[];
}

/** Samples of the same variant under the same load, fewest connections first. */
export function groupsOf<T extends Pick<Sample, "scenario" | "connections" | "variant">>(
  samples: readonly T[],
): SampleGroup<T>[] {
  const counts = [...new Set(samples.map((sample) => sample.connections))].sort((a, b) => a - b);
  return SCENARIOS.flatMap((scenario) =>
    counts.flatMap((connections) =>
      SCENARIO_TABLE[scenario].variants.map(({ name: variant }) => ({
        scenario,
        connections,
        variant,
        members: samples.filter(
          (s) => s.scenario === scenario && s.connections === connections && s.variant === variant,
        ),
      })),
    ),
  ).filter(({ members }) => members.length > 0);
}
