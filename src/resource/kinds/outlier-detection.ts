/** Passive health checks: instances that answer badly are taken out for a while, by what callers see of them. */
import { z } from "zod";
import { duration } from "../fields.ts";
import { partOf, wholeOf } from "./settings-shape.ts";

const HOUR_MS = 3_600_000;
const count = () => z.int().min(0).max(1_000_000);

const plainFields = {
  enabled: z.boolean().describe("Whether instances are ever taken out by what they answer."),
  consecutive5xxErrors: count().describe(
    "Answers with a 5xx, connections that fail and timeouts in a row that take an instance out; 0: never by that.",
  ),
  consecutiveGatewayErrors: count().describe(
    "The same of 502, 503 and 504 only; 0: never by that.",
  ),
  consecutiveLocalOriginFailures: count().describe(
    "Connections that fail, resets and timeouts in a row; 0: never by that. Counts only with splitExternalLocalOriginErrors.",
  ),
  splitExternalLocalOriginErrors: z
    .boolean()
    .describe("Whether failures without an answer are counted apart from bad answers."),
  interval: duration({ minMs: 10, maxMs: HOUR_MS }).describe(
    "Between two looks at rates, and at instances whose time out is over.",
  ),
  baseEjectionTime: duration({ minMs: 1, maxMs: 24 * HOUR_MS }).describe(
    "How long an instance is out: this times the number of times that it was taken out in succession.",
  ),
  maxEjectionTime: duration({ minMs: 1, maxMs: 24 * HOUR_MS }).describe("The longest time out."),
  maxEjectionTimeJitter: duration({ maxMs: HOUR_MS }).describe(
    "A random time of at most so long is added, so that instances do not come back together.",
  ),
  maxEjectionPercent: z
    .int()
    .min(0)
    .max(100)
    .describe(
      "Percent of the instances that may be out at once. A single instance is never taken out.",
    ),
} as const;

const successRateFields = {
  enabled: z
    .boolean()
    .describe("Whether instances are taken out whose success rate is an outlier."),
  minimumHosts: count().describe("Instances with enough requests that are needed to judge."),
  requestVolume: count().describe("Requests within an interval that make an instance count."),
  stdevFactor: z
    .number()
    .min(0)
    .max(100)
    .describe("Out is who lies below the mean by so many standard deviations."),
} as const;

const failurePercentageFields = {
  enabled: z.boolean().describe("Whether instances are taken out that fail too often."),
  threshold: z.int().min(1).max(100).describe("Percent of failed requests that takes one out."),
  minimumHosts: count().describe("Instances with enough requests that are needed to judge."),
  requestVolume: count().describe("Requests within an interval that make an instance count."),
} as const;

export const outlierDetectionPart = partOf(plainFields).extend({
  successRate: partOf(successRateFields).optional().describe("Judged against each other."),
  failurePercentage: partOf(failurePercentageFields).optional().describe("Judged alone."),
});

export const outlierDetectionWhole = wholeOf(plainFields, {
  // On: an instance that fails every request must not keep its share of them.
  enabled: true,
  // Envoy's five: one bad answer is no sign of a bad instance.
  consecutive5xxErrors: 5,
  // 5xx count them already.
  consecutiveGatewayErrors: 0,
  consecutiveLocalOriginFailures: 5,
  splitExternalLocalOriginErrors: false,
  // Short times instead of Envoy's 10 s and 30 s: an instance is back a second after it recovered, and one that has
  // not gets a single request meanwhile.
  interval: "500ms",
  baseEjectionTime: "500ms",
  maxEjectionTime: "1s",
  maxEjectionTimeJitter: "0s",
  // Never more than half: when most fail, the cause lies elsewhere, and fewer instances make it worse.
  maxEjectionPercent: 50,
}).extend({
  successRate: wholeOf(successRateFields, {
    // Off, as in Istio: with few requests chance alone makes outliers. The other values are Envoy's.
    enabled: false,
    minimumHosts: 5,
    requestVolume: 100,
    stdevFactor: 1.9,
  }).prefault({}),
  failurePercentage: wholeOf(failurePercentageFields, {
    // Off, as in Envoy, with Envoy's values: what share of failures is too much is the author's to say.
    enabled: false,
    threshold: 85,
    minimumHosts: 5,
    requestVolume: 50,
  }).prefault({}),
});

export type OutlierDetectionSettings = z.output<typeof outlierDetectionWhole>;
