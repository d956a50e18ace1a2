/** CPU and memory of instances over time: what stands beside the figures of a service as a line. */
import { type ResourceStep, resourceStep } from "../telemetry/store/resource-ingest.ts";
import { RESOURCES } from "../telemetry/store/traffic-key.ts";
import type { TrafficSteps } from "../telemetry/store/traffic-read.ts";
import type { ResourceSpark } from "../telemetry-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import { perStep } from "./telemetry-figures.ts";
import type { AskedWindow } from "./telemetry-query.ts";
import { stepWindow } from "./telemetry-step-window.ts";

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** Asks the control plane's own store, also where traffic is Prometheus'. Gives the figures of these instances together. */
export async function resourcesOverTime(
  deps: AdminApiDeps,
  { fromMs, toMs }: AskedWindow,
): Promise<(instances: readonly Named[]) => ResourceSpark> {
  const answer = await deps.telemetry.questions.ask("traffic", {
    ...{ fromMs, toMs, hasSteps: true },
    by: ["destinationNamespace", "instance"],
    where: { reporter: RESOURCES },
  });
  const window = stepWindow(answer, deps);
  const byInstance = new Map<string, TrafficSteps>();
  for (const { key, steps } of answer.rows) {
    if (steps !== undefined) byInstance.set(key.join("/"), steps);
  }
  return (instances) => {
    const told = instances.flatMap(
      ({ namespace, name }) => byInstance.get(`${namespace}/${name}`) ?? [],
    );
    const line = (field: keyof ResourceStep) =>
      perStep(window, (index) => {
        let sum: number | null = null;
        for (const steps of told) {
          const value = resourceStep(steps, index, window.stepMs)[field];
          if (value !== null) sum = (sum ?? 0) + value;
        }
        return sum;
      });
    return {
      appCpuCores: line("appCpuCores"),
      appMemoryBytes: line("appMemoryBytes"),
      sidecarCpuCores: line("sidecarCpuCores"),
      sidecarMemoryBytes: line("sidecarMemoryBytes"),
    };
  };
}
