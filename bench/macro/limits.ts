/** What our sidecar must keep to, and whether a run did: the median decides. */
import type { ProxyName, ScenarioName } from "./names.ts";
import { type Measure, ratiosOf, type Spread, spreadOf, variantRatiosOf } from "./ratios.ts";
import type { MemorySample, Sample, Samples } from "./samples.ts";

type Bound = SideBound | RangeBound;

interface SideBound {
  readonly kind: "at most" | "at least" | "below";
  readonly value: number;
}

interface RangeBound {
  readonly kind: "within";
  readonly min: number;
  readonly max: number;
}

/** Our figure divided by that of another proxy. */
interface RatioLimit extends SideBound {
  readonly scenario: ScenarioName;
  readonly measure: Measure;
  readonly against: ProxyName;
  /** Absent: under every load of the scenario. */
  readonly connections?: readonly number[];
}

/** CPU per request of our sidecar in a variant, divided by that in another one of the scenario. */
interface VariantLimit {
  readonly scenario: ScenarioName;
  readonly variant: string;
  readonly against: string;
  readonly bound: Bound;
}

interface MemoryLimit extends SideBound {
  readonly scenario: "memory";
  readonly measure: "idleMegabytes" | "addedMegabytes";
}

const cpuAtMost = (
  scenario: ScenarioName,
  against: ProxyName,
  value: number,
  ...connections: readonly number[]
): RatioLimit => ({
  ...{ scenario, against, measure: "cpu", kind: "at most", value },
  ...(connections.length === 0 ? {} : { connections }),
});

const RATIO_LIMITS: readonly RatioLimit[] = [
  cpuAtMost("plain", "haproxy", 1.2),
  cpuAtMost("h2c", "haproxy", 1.5, 8),
  cpuAtMost("h2c", "envoy", 0.8, 8),
  cpuAtMost("chain", "envoy", 0.5, 8),
  cpuAtMost("chain", "envoy", 0.4, 32),
  cpuAtMost("chain", "envoy", 0.35, 128),
  cpuAtMost("chain", "nginx", 0.9, 8),
  cpuAtMost("chain", "nginx", 0.7, 32),
  cpuAtMost("chain", "nginx", 0.5, 128),
  cpuAtMost("chain", "haproxy", 1.3, 32, 128),
  {
    ...{ scenario: "chain", measure: "p50", against: "nginx", connections: [1] },
    ...{ kind: "at most", value: 1.1 },
  },
  {
    ...{ scenario: "chain", measure: "p50", against: "envoy", connections: [1] },
    ...{ kind: "below", value: 1 },
  },
  {
    ...{ scenario: "bodies", measure: "throughput", against: "haproxy" },
    ...{ kind: "at least", value: 0.8 },
  },
  {
    ...{ scenario: "bodies-chain", measure: "throughput", against: "haproxy" },
    ...{ kind: "at least", value: 0.8 },
  },
  cpuAtMost("grpc", "envoy", 0.5),
];

/** As many routes or endpoints as there are, a request costs the same. */
const FLAT: Bound = { kind: "within", min: 0.9, max: 1.1 };

/** A hundred clusters have a price of their own, so that less is as good. */
const NO_DEARER: Bound = { kind: "at most", value: 1.1 };
/** Of a thousand endpoints a hundred are used: what a large service costs where this is asked for. */
const SUBSET: Bound = { kind: "at most", value: 1.1 };
/** A token that is known costs a look-up. */
const KNOWN_TOKEN: Bound = { kind: "at most", value: 1.1 };
/** Of a thousand rules a request is held against the few that its method and path may match. */
const INDEXED_RULES: Bound = { kind: "at most", value: 1.1 };
/** A context read and written, a span kept for a while; one in a hundred is told. */
const TRACES: Bound = { kind: "at most", value: 1.1 };
const LOG_LINES: Bound = { kind: "at most", value: 1.25 };
const POLICIES: Bound = { kind: "at most", value: 1.15 };

const VARIANT_LIMITS: readonly VariantLimit[] = [
  { scenario: "policies", variant: "on", against: "off", bound: POLICIES },
  { scenario: "policies", variant: "on-told", against: "off", bound: POLICIES },
  { scenario: "jwt", variant: "on", against: "off", bound: KNOWN_TOKEN },
  { scenario: "authorization", variant: "on", against: "off", bound: INDEXED_RULES },
  { scenario: "telemetry", variant: "traces", against: "off", bound: TRACES },
  { scenario: "telemetry", variant: "logs", against: "off", bound: LOG_LINES },
  { scenario: "routes", variant: "1000", against: "10", bound: FLAT },
  ...(["endpoints", "endpoints-ewma"] as const).flatMap((scenario): readonly VariantLimit[] => [
    { scenario, variant: "1000", against: "10", bound: FLAT },
    { scenario, variant: "1000", against: "100x10", bound: NO_DEARER },
    { scenario, variant: "1000-subset", against: "10", bound: SUBSET },
  ]),
];

const MEMORY_LIMITS: readonly MemoryLimit[] = [
  { scenario: "memory", measure: "idleMegabytes", kind: "at most", value: 75 },
  { scenario: "memory", measure: "addedMegabytes", kind: "at most", value: 20 },
];

const MEASURE_NAMES: Readonly<Record<Measure | MemoryLimit["measure"], string>> = {
  cpu: "CPU per request",
  throughput: "MB per second of CPU",
  p50: "p50",
  idleMegabytes: "MB when idle",
  addedMegabytes: "MB that idle connections add",
};

export interface Verdict {
  /** What is limited, in words. */
  readonly subject: string;
  readonly bound: string;
  readonly seen: Spread;
  readonly holds: boolean;
}

/** Of each limit that the samples say something of. */
export function verdictsOf(samples: Samples): Verdict[] {
  return [
    ...RATIO_LIMITS.flatMap((limit) => ratioVerdicts(limit, samples.load)),
    ...VARIANT_LIMITS.flatMap((limit) => variantVerdicts(limit, samples.load)),
    ...MEMORY_LIMITS.flatMap((limit) => memoryVerdicts(limit, samples.memory)),
  ];
}

function ratioVerdicts(limit: RatioLimit, samples: readonly Sample[]): Verdict[] {
  const { scenario, measure, against, connections: only } = limit;
  return ratiosOf(samples, measure)
    .filter((ratio) => ratio.scenario === scenario && ratio.against === against)
    .filter(({ connections }) => only === undefined || only.includes(connections))
    .map((ratio) => {
      const load = `${scenario} at ${ratio.connections}`;
      return verdict(limit, `${load}: ${MEASURE_NAMES[measure]} ÷ ${against}`, ratio);
    });
}

function variantVerdicts(
  { scenario, variant, against, bound }: VariantLimit,
  samples: readonly Sample[],
): Verdict[] {
  return variantRatiosOf(samples)
    .filter((ratio) => ratio.scenario === scenario && ratio.proxy === "tulle")
    .filter((ratio) => ratio.variant === variant && ratio.against === against)
    .map((ratio) => {
      const load = `${scenario} at ${ratio.connections}`;
      const subject = `${load}: ${MEASURE_NAMES.cpu}, ${ratio.variant} ÷ ${ratio.against}`;
      return verdict(bound, subject, ratio);
    });
}

function memoryVerdicts(limit: MemoryLimit, samples: readonly MemorySample[]): Verdict[] {
  const own = samples.filter((s) => s.scenario === limit.scenario && s.proxy === "tulle");
  if (own.length === 0) return [];
  const seen = spreadOf(own.map((sample) => sample[limit.measure]));
  return [verdict(limit, `${limit.scenario}: ${MEASURE_NAMES[limit.measure]}`, seen)];
}

function verdict(bound: Bound, subject: string, { median, min, max }: Spread): Verdict {
  return {
    subject,
    bound: boundText(bound),
    seen: { median, min, max },
    holds: isWithin(bound, median),
  };
}

function boundText(bound: Bound): string {
  if (bound.kind === "within") return `within ${bound.min}–${bound.max}`;
  return `${bound.kind} ${bound.value}`;
}

function isWithin(bound: Bound, value: number): boolean {
  switch (bound.kind) {
    case "at most":
      return value <= bound.value;
    case "at least":
      return value >= bound.value;
    case "below":
      return value < bound.value;
    case "within":
      return value >= bound.min && value <= bound.max;
  }
}
