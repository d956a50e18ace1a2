/**
 * The order of the measurements. Proxies under the same load follow each other, as close in time as
 * possible, and each round begins with another one, so that none always follows the same. Variants of one proxy do so in turn.
 */
import type { BenchCase } from "./cases.ts";
import { type MeasurementOptions, measureLoad, measureMemory } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import type { MemorySample, Sample, Samples } from "./samples.ts";
import { type Load, loadsOf, SCENARIO_TABLE } from "./scenarios.ts";

interface Step {
  readonly benchCase: BenchCase;
  readonly load: Load;
  readonly round: number;
}

/** Tells its progress on the standard error output. What fails is told and left out. `folder` is the work folder. */
export async function measureRounds(
  options: BenchOptions,
  cases: readonly BenchCase[],
  folder: string,
): Promise<Samples> {
  const samples: Collected = { load: [], memory: [], faults: [] };
  const steps = orderOf(options, cases);
  const startedMs = performance.now();
  for (const [index, { benchCase, load, round }] of steps.entries()) {
    const { warmupSeconds, warmupSecondsMax, seconds, settleMs } = options;
    const run = { load, round, warmupSeconds, warmupSecondsMax, seconds, settleMs, folder };
    let text: string;
    try {
      text = await measureStep(samples, benchCase, run);
    } catch (error) {
      text = (error as Error).message;
      samples.faults.push(text);
    }
    const done = index + 1;
    const leftMs = ((performance.now() - startedMs) / done) * (steps.length - done);
    const { scenario, proxy, variant } = benchCase;
    const name = `${scenario} ${proxy} ${variant.name}`.padEnd(20);
    const left = `${Math.round(leftMs / 1000)} s left`;
    console.error(`[${done}/${steps.length}] ${name} c=${load.connections} ${text}  ${left}`);
  }
  return samples;
}

interface Collected {
  readonly load: Sample[];
  readonly memory: MemorySample[];
  readonly faults: string[];
}

/** Adds a sample. Returns it in words. */
async function measureStep(
  samples: Collected,
  benchCase: BenchCase,
  run: MeasurementOptions,
): Promise<string> {
  if (SCENARIO_TABLE[benchCase.scenario].request === "idle") {
    const sample = await measureMemory(benchCase, run);
    samples.memory.push(sample);
    return memoryText(sample);
  }
  const sample = await measureLoad(benchCase, run);
  samples.load.push(sample);
  return loadText(sample);
}

function orderOf(options: BenchOptions, cases: readonly BenchCase[]): Step[] {
  const rounds = Array.from({ length: options.rounds }, (_, round) => round);
  return rounds.flatMap((round) =>
    options.scenarios.flatMap((name) => {
      const own = cases.filter(({ scenario }) => scenario === name);
      const proxies = [...new Set(own.map(({ proxy }) => proxy))];
      const rotated = rotate(proxies, round).flatMap((proxy) =>
        rotate(
          own.filter((benchCase) => benchCase.proxy === proxy),
          round,
        ),
      );
      return loadsOf(SCENARIO_TABLE[name], options.connections).flatMap((load) =>
        rotated.map((benchCase) => ({ benchCase, load, round })),
      );
    }),
  );
}

function rotate<T>(items: readonly T[], by: number): readonly T[] {
  const shift = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(shift), ...items.slice(0, shift)];
}

function loadText(sample: Sample): string {
  const cpu = `${sample.cpuUsPerRequest.toFixed(1).padStart(6)} µs/request`;
  return `${cpu} ${sample.requestsPerSecond.toFixed(0).padStart(7)}/s ${sample.failures}`;
}

function memoryText(sample: MemorySample): string {
  const { idleMegabytes, addedMegabytes, failures } = sample;
  return `${idleMegabytes.toFixed(1)} MB idle, ${addedMegabytes.toFixed(1)} MB more ${failures}`;
}
