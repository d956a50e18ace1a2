/** What one measurement gives. */
import type { ProxyName, ScenarioName } from "./names.ts";

interface SampleKey {
  readonly scenario: ScenarioName;
  readonly proxy: ProxyName;
  /** Empty in scenarios of one variant. */
  readonly variant: string;
  readonly connections: number;
  readonly round: number;
  /** Empty when all requests were answered as they should be. */
  readonly failures: string;
}

/** One scenario with one proxy under one load. Of a chain, both proxies together. */
export interface Sample extends SampleKey {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly idleMegabytes: number;
  readonly busyMegabytes: number;
  /** From the first proxy to what is behind it, in the middle of the load. */
  readonly upstreamConnections: number;
  /** From the start of the process until it accepts connections; of a chain, the slower one. */
  readonly startMs: number;
}

/** Resident memory without connections, and what idle ones add to it. */
export interface MemorySample extends SampleKey {
  readonly idleMegabytes: number;
  /** When they had been opened and nothing had been asked. */
  readonly addedSilentMegabytes: number;
  /** When a request had been answered on each, and a while had passed. */
  readonly addedMegabytes: number;
}

export interface Samples {
  readonly load: readonly Sample[];
  readonly memory: readonly MemorySample[];
  /** What was not measured, and why. */
  readonly faults: readonly string[];
}
