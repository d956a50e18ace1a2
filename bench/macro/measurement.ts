/** One measurement: a case started, warmed up, loaded, ended. */
import { setTimeout as sleep } from "node:timers/promises";
import { checkAnswer } from "./answer-check.ts";
import type { BenchCase } from "./cases.ts";
import { connectionsTo } from "./connection-count.ts";
import { IdleClients } from "./idle-clients.ts";
import { type LoadTarget, runLoad } from "./load.ts";
import { RunningCase } from "./running-case.ts";
import type { MemorySample, Sample } from "./samples.ts";
import { type Load, type RequestKind, SCENARIO_TABLE } from "./scenarios.ts";
import { fieldsOf, pathsOf } from "./variants.ts";

export const PROXY_CORE = 0;
export const LOAD_CORE = 1;
/** Starting takes memory that is given back: what counts is what stays. */
export const SETTLE_MS = 3_000;
/** Connections count as idle after this: proxies give memory back after some seconds of quiet. */
const IDLE_MS = 16_000;

/** So many requests, unless time is up: a runtime that compiles what is used often has done it by then. */
const WARM_REQUESTS: Readonly<Record<RequestKind, number>> = {
  ...{ small: 250_000, grpc: 250_000, megabyte: 2_000, idle: 0 },
};
/** One connection alone takes long for that. */
const WARM_CONNECTIONS_MIN = 8;

export interface MeasurementOptions {
  readonly load: Load;
  readonly round: number;
  /** At least, and as long again until enough requests were answered. */
  readonly warmupSeconds: number;
  readonly warmupSecondsMax: number;
  readonly seconds: number;
  /** From the start to the load, and to the reading of the memory before it. */
  readonly settleMs: number;
  /** Work folder. */
  readonly folder: string;
}

export async function measureLoad(
  benchCase: BenchCase,
  options: MeasurementOptions,
): Promise<Sample> {
  const { scenario: name, proxy, variant, port, upstreamPort } = benchCase;
  const { load, round, folder, seconds } = options;
  const scenario = SCENARIO_TABLE[name];
  const paths = pathsOf(variant);
  const fields = fieldsOf(variant);
  const target = { scenario, load, port, paths, fields, core: LOAD_CORE, folder };
  return await RunningCase.during(benchCase, { core: PROXY_CORE, folder }, async (running) => {
    await sleep(options.settleMs);
    const idleMegabytes = running.residentMegabytes();
    await checkAnswer(port, scenario, paths, fields);
    await warmUp(target, options.warmupSeconds, options.warmupSecondsMax);
    const cpuBefore = running.cpuSeconds();

    const [result, upstreamConnections] = await Promise.all([
      runLoad(target, seconds),
      sleep(seconds * 500).then(() => connectionsTo(upstreamPort)),
    ]);

    const cpuSeconds = running.cpuSeconds() - cpuBefore;
    return {
      ...{ scenario: name, proxy, variant: variant.name, connections: load.connections, round },
      ...{ idleMegabytes, upstreamConnections, startMs: running.startMs },
      cpuUsPerRequest: (1e6 * cpuSeconds) / result.requests,
      requestsPerSecond: result.requests / seconds,
      p50Us: result.p50Us,
      p99Us: result.p99Us,
      busyMegabytes: running.residentMegabytes(),
      failures: result.failures,
    };
  });
}

async function warmUp(target: LoadTarget, seconds: number, secondsMax: number): Promise<void> {
  const { scenario, load } = target;
  const connections = Math.max(load.connections, WARM_CONNECTIONS_MIN);
  const deadlineMs = performance.now() + secondsMax * 1_000;
  let requests = 0;
  do {
    const result = await runLoad({ ...target, load: { ...load, connections } }, seconds);
    requests += result.requests;
  } while (requests < WARM_REQUESTS[scenario.request] && performance.now() < deadlineMs);
}

export async function measureMemory(
  benchCase: BenchCase,
  options: MeasurementOptions,
): Promise<MemorySample> {
  const { scenario: name, proxy, variant, port } = benchCase;
  const { round, folder } = options;
  const { connections } = options.load;
  const clients = new IdleClients();
  try {
    return await RunningCase.during(benchCase, { core: PROXY_CORE, folder }, async (running) => {
      await sleep(SETTLE_MS);
      const idleMegabytes = running.residentMegabytes();
      await clients.open(port, SCENARIO_TABLE[name].client, connections);
      await sleep(SETTLE_MS);
      const addedSilentMegabytes = running.residentMegabytes() - idleMegabytes;
      await clients.ask();
      await sleep(IDLE_MS);
      const addedMegabytes = running.residentMegabytes() - idleMegabytes;
      const closed = connections - clients.openCount;
      const failures = closed === 0 ? "" : `${closed} idle connections were closed`;
      const added = { addedSilentMegabytes, addedMegabytes };
      const key = { scenario: name, proxy, variant: variant.name, connections, round };
      return { ...key, idleMegabytes, ...added, failures };
    });
  } finally {
    clients.close();
  }
}
