/** How an instance is kept from more than it can do: how much that is, and what is given up first. */
import { z } from "zod";
import { duration } from "../fields.ts";
import { objectRule } from "../rule.ts";
import { rateLimitMatch } from "./rate-limit-rule.ts";

/** From the one that is served longest to the one that is given up first. */
export const PRIORITIES = ["Critical", "Default", "Sheddable"] as const;
export type Priority = (typeof PRIORITIES)[number];

const priorityClass = z.strictObject({
  priority: z
    .enum(PRIORITIES)
    .describe("Critical is served as long as possible, Sheddable is given up first."),
  match: rateLimitMatch.omit({ sourceCIDR: true }).describe("Which requests are of the class."),
});

export const loadShedding = objectRule(
  z.strictObject({
    classes: z
      .array(priorityClass)
      .max(32)
      .default([])
      .describe("The first that a request matches decides. Others are Default."),
    minConcurrency: z
      .int()
      .min(1)
      .max(10_000)
      .default(3)
      .describe("Requests at a time that an instance gets in any case."),
    maxConcurrency: z
      .int()
      .min(1)
      .max(100_000)
      .default(1_000)
      .describe("Requests at a time that an instance never gets more of."),
    latencyTolerance: z
      .int()
      .min(0)
      .max(1_000)
      .default(25)
      .describe(
        "Percent by which latency may exceed that of an instance with little to do before it gets fewer requests at a time.",
      ),
    updateInterval: duration({ minMs: 10, maxMs: 60_000 })
      .default("100ms")
      .describe("How often the number of requests at a time is adapted."),
    calibrationInterval: duration({ minMs: 1_000, maxMs: 3_600_000 })
      .default("60s")
      .describe(
        "Under constant load, how often an instance gets three quarters of what it needs for a moment, to see its latency with little to do.",
      ),
  }),
  ({ minConcurrency, maxConcurrency }, report) => {
    if (typeof minConcurrency !== "number" || typeof maxConcurrency !== "number") return;
    if (minConcurrency <= maxConcurrency) return;
    report({ path: ["minConcurrency"], message: "must not be above maxConcurrency" });
  },
);

export type LoadShedding = z.output<typeof loadShedding>;
