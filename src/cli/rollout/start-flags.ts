/** The flags of `tulle rollout start` as the parts of a Rollout's spec that they mean. */
import type { RolloutSpec } from "../../resource/kinds/rollout.ts";
import type { CommandInput, OptionSpec } from "../command.ts";
import { usageError } from "../errors.ts";
import { canarySteps } from "./plan-start.ts";

export const START_OPTIONS: readonly OptionSpec[] = [
  { name: "from", value: "VERSION", summary: "The version that has the requests now" },
  {
    name: "steps",
    value: "PERCENT,...",
    summary: "The new version's share, step by step: 5,25,50",
  },
  {
    name: "pause",
    value: "DURATION",
    default: "1m",
    summary: "How long each step lasts, or a preview before a switch",
  },
  { name: "manual", summary: "Each step lasts until it is promoted" },
  { name: "blue-green", summary: "Everything at once instead of steps" },
  { name: "success-rate", value: "PERCENT", summary: "Roll back below this share of good answers" },
  {
    name: "latency",
    value: "pNN=DURATION",
    summary: "Roll back when this percentile takes longer: p95=300ms",
  },
  {
    name: "interval",
    value: "DURATION",
    default: "10s",
    summary: "Time between looks at the gates",
  },
];

type Strategy = RolloutSpec["strategy"];
type Analysis = RolloutSpec["analysis"];

/** Undefined when no flag says anything of it. */
export function strategyOf(input: CommandInput): Strategy | undefined {
  const pause = input.isSet("manual") ? undefined : input.string("pause");
  if (input.isSet("blue-green")) {
    if (input.isSet("steps")) {
      throw usageError("--steps and --blue-green exclude each other", "leave out one of them");
    }
    return {
      blueGreen: {
        autoPromotionEnabled: pause !== undefined,
        autoPromotionDelay: input.isSet("pause") && pause !== undefined ? pause : "0s",
        postPromotionDuration: "1m",
      },
    };
  }
  const steps = input.optionalString("steps");
  if (steps !== undefined) return canarySteps(steps.split(",").map(percentOf), pause);
  if (!input.isSet("pause") && !input.isSet("manual")) return undefined;
  return canarySteps([10, 50], pause);
}

export function analysisOf(input: CommandInput): Analysis | undefined {
  const rate = input.optionalString("success-rate");
  const latency = input.optionalString("latency");
  if (rate === undefined && latency === undefined) {
    if (!input.isSet("interval")) return undefined;
    throw usageError("--interval without a gate", "add --success-rate or --latency");
  }
  const min = Number(rate);
  if (rate !== undefined && !(min >= 0 && min <= 100)) {
    throw usageError(`--success-rate: "${rate}" is no percentage`, "write for example 99.5");
  }
  return {
    interval: input.string("interval"),
    failureLimit: 0,
    minRequests: 20,
    metrics: [
      ...(rate === undefined ? [] : [{ name: "request-success-rate", thresholdRange: { min } }]),
      ...(latency === undefined ? [] : [latencyMetric(latency)]),
    ],
  };
}

function latencyMetric(text: string): Analysis["metrics"][number] {
  const match = /^p(\d{1,2}(?:\.\d{1,2})?)=(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  if (match === null) {
    throw usageError(
      `--latency: "${text}" is no percentile with its bound`,
      "write for example p95=300ms",
    );
  }
  const [, percentile, bound, unit] = match;
  return {
    name: "request-duration",
    percentile: Number(percentile),
    thresholdRange: { max: Number(bound) * (unit === "s" ? 1000 : 1) },
  };
}

function percentOf(text: string): number {
  const match = /^(\d{1,3})%?$/.exec(text.trim());
  const value = Number(match?.[1]);
  if (value >= 0 && value <= 100) return value;
  throw usageError(
    `--steps: "${text}" is no whole percentage`,
    "write for example --steps 5,25,50",
  );
}
