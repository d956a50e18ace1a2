/** What must hold for a Rollout to go on: gates, after Flagger's metrics and Argo Rollouts' analysis. */
import { z } from "zod";
import { duration } from "../fields.ts";
import { listRule, objectRule, reportRepeated, stringRule, valueAt } from "../rule.ts";

/** Gates of one step. Each is a line of the progress view, and perhaps a query. */
const METRICS_MAX = 10;

/** What the control plane knows by itself, from the callers' sidecars. */
export const BUILT_IN_METRICS = ["request-success-rate", "request-duration"] as const;

const prometheus = z.strictObject({
  address: stringRule(z.string().max(2048), (text, report) => {
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return;
    report({
      path: [],
      code: "invalid-value",
      message: "must be an http or https URL",
      allowed: "a URL like http://127.0.0.1:9090",
    });
  }).describe("Where its HTTP API is, like http://127.0.0.1:9090."),
  query: z
    .string()
    .min(1)
    .max(4096)
    .describe(
      "PromQL that gives one number. {{namespace}}, {{target}}, {{stable}} and {{canary}} stand for the names.",
    ),
});

const metric = objectRule(
  z.strictObject({
    name: z
      .string()
      .min(1)
      .max(63)
      .describe(
        "request-success-rate (percent of the canary's requests), request-duration (a percentile in milliseconds), or the name of a query.",
      ),
    thresholdRange: objectRule(
      z.strictObject({
        min: z.number().optional().describe("The least that passes."),
        max: z.number().optional().describe("The most that passes."),
      }),
      (range, report) => {
        const { min, max } = range;
        if (min === undefined && max === undefined) {
          report({ path: [], message: "is empty; set min, max or both", allowed: "min or max" });
        } else if (typeof min === "number" && typeof max === "number" && min > max) {
          report({ path: ["min"], message: `is ${min}, more than max ${max}` });
        }
      },
    ).describe("What passes, both ends included."),
    percentile: z
      .number()
      .min(1)
      .max(99.99)
      .optional()
      .describe("Of request-duration. Default: 99."),
    provider: z.strictObject({ prometheus }).optional().describe("Where a query is asked."),
  }),
  (value, report) => {
    const isBuiltIn = BUILT_IN_METRICS.some((name) => name === value["name"]);
    if (isBuiltIn && value["provider"] !== undefined) {
      report({
        path: ["provider"],
        message: `belongs to a query of your own; ${value["name"]} comes from the sidecars: leave it out or choose another name`,
      });
    }
    if (!isBuiltIn && typeof value["name"] === "string" && value["provider"] === undefined) {
      report({
        path: ["provider"],
        code: "missing-field",
        message: `is missing; "${value["name"]}" is neither ${BUILT_IN_METRICS.join(" nor ")}, so it needs provider.prometheus`,
        allowed: "provider.prometheus with address and query",
      });
    }
    if (value["percentile"] !== undefined && value["name"] !== "request-duration") {
      report({ path: ["percentile"], message: "belongs to request-duration" });
    }
    if (value["name"] !== "request-success-rate") return;
    const min = valueAt(value, "thresholdRange", "min");
    if (typeof min !== "number" || (min >= 0 && min <= 100)) return;
    report({ path: ["thresholdRange", "min"], message: "must be a percentage, 0 to 100" });
  },
);

export const rolloutMetrics = listRule(z.array(metric).max(METRICS_MAX), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => {
      const [name, percentile] = [valueAt(item, "name"), valueAt(item, "percentile")];
      return typeof name === "string" ? JSON.stringify([name, percentile]) : undefined;
    },
    path: ["name"],
    what: "metric names (with their percentiles)",
  });
});

export const rolloutAnalysis = z.strictObject({
  interval: duration({ minMs: 1000, maxMs: 3_600_000 })
    .default("10s")
    .describe("Time between two looks at the gates."),
  failureLimit: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe("Failed looks at a gate in one step that are put up with; one more rolls back."),
  minRequests: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20)
    .describe("Requests of the canary that a look needs; with fewer it waits for more."),
  metrics: rolloutMetrics.default([]).describe("The gates. All must pass."),
});

export type RolloutAnalysis = z.output<typeof rolloutAnalysis>;
export type RolloutMetric = z.output<typeof metric>;
