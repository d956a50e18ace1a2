/** Samples for the tests of the report. */
import type { MemorySample, Sample } from "./samples.ts";

export function sample(overrides: Partial<Sample> = {}): Sample {
  return {
    ...{ scenario: "plain", proxy: "tulle", variant: "", connections: 32 },
    ...{ round: 0, failures: "" },
    ...{ cpuUsPerRequest: 15, requestsPerSecond: 30_000, p50Us: 900, p99Us: 2_000 },
    ...{ idleMegabytes: 50, busyMegabytes: 70, upstreamConnections: 32, startMs: 120 },
    ...overrides,
  };
}

export function memorySample(overrides: Partial<MemorySample> = {}): MemorySample {
  return {
    ...{ scenario: "memory", proxy: "tulle", variant: "", connections: 1_000 },
    ...{ round: 0, failures: "" },
    ...{ idleMegabytes: 70, addedSilentMegabytes: 21, addedMegabytes: 15 },
    ...overrides,
  };
}
