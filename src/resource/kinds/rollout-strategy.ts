/** How a Rollout moves requests from the stable Service to the canary. Field names are Argo Rollouts' where it has them. */
import { z } from "zod";
import { duration, headerName, headerValue } from "../fields.ts";
import { type LooseRecord, objectRule, type Report } from "../rule.ts";
import { rolloutMetrics } from "./rollout-analysis.ts";

/** Steps of one canary. Fewer than a person wants to watch, and each is a line of the progress view. */
export const ROLLOUT_STEPS_MAX = 20;
/** Matches of one A/B test or preview: each becomes a match in every rule of the target's routes. */
export const ROLLOUT_MATCHES_MAX = 8;

/** A week: longer tests are for somebody to end. */
const PAUSE_RANGE = { maxMs: 7 * 24 * 3_600_000 } as const;

const percent = () => z.int().min(0).max(100);

const step = z.strictObject({
  setWeight: percent().describe("The canary's share of the requests, in percent."),
  pause: z
    .strictObject({
      duration: duration(PAUSE_RANGE)
        .optional()
        .describe("How long the step lasts. Default: until somebody promotes it."),
    })
    .optional()
    .describe("Without it the step ends as soon as every gate has passed once."),
  metrics: rolloutMetrics.optional().describe("Gates of this step instead of analysis.metrics."),
});

const canary = z.strictObject({
  steps: z
    .array(step)
    .min(1)
    .max(ROLLOUT_STEPS_MAX)
    .describe("In order. After the last one the canary gets every request."),
});

const userMatch = objectRule(
  z.strictObject({
    header: z
      .strictObject({
        name: headerName(),
        value: headerValue().describe("Compared with the whole value."),
      })
      .optional()
      .describe("A header of the request."),
    cookie: z
      .strictObject({
        name: headerName(),
        value: headerValue().describe("Compared with the whole value."),
      })
      .optional()
      .describe("A cookie of the request."),
  }),
  (match, report) => {
    if (match["header"] !== undefined || match["cookie"] !== undefined) return;
    report({
      path: [],
      code: "missing-field",
      message: "matches nobody; set header or cookie",
      allowed: "header or cookie",
    });
  },
);

const userMatches = z
  .array(userMatch)
  .min(1)
  .max(ROLLOUT_MATCHES_MAX)
  .describe("Any one of them must match; header and cookie of one of them both.");

const blueGreen = z.strictObject({
  preview: z
    .strictObject({ matches: userMatches })
    .optional()
    .describe("Who reaches the new version before the switch."),
  autoPromotionEnabled: z
    .boolean()
    .default(true)
    .describe("False: somebody must promote before requests are switched."),
  autoPromotionDelay: duration(PAUSE_RANGE)
    .default("0s")
    .describe("How long the preview lasts before the switch."),
  postPromotionDuration: duration(PAUSE_RANGE)
    .default("1m")
    .describe("How long the gates are watched after the switch; if one fails, it is undone."),
});

const userHash = objectRule(
  z.strictObject({
    header: headerName().optional().describe("The header that tells users apart."),
    cookie: headerName().optional().describe("The cookie that tells users apart."),
    percent: percent().describe("Users in a hundred who get the canary, always the same ones."),
  }),
  (hash, report) => {
    const set = ["header", "cookie"].filter((field) => hash[field] !== undefined);
    if (set.length === 1) return;
    const message =
      set.length === 0 ? "says not what tells users apart" : "names a header and a cookie";
    report({ path: [], message: `${message}; set header or cookie`, allowed: "one of them" });
  },
);

const abTest = objectRule(
  z.strictObject({
    matches: userMatches.optional(),
    userHash: userHash
      .optional()
      .describe("A share of the users by the hash of who they are: each stays where it is."),
    duration: duration(PAUSE_RANGE)
      .optional()
      .describe(
        "After it, with every gate passed, the canary gets everybody. Default: until somebody promotes or aborts.",
      ),
  }),
  (test, report) => {
    if (test["matches"] !== undefined || test["userHash"] !== undefined) return;
    report({
      path: [],
      code: "missing-field",
      message: "chooses no users; set matches or userHash",
      allowed: "matches or userHash",
    });
  },
);

const STRATEGIES = ["canary", "blueGreen", "abTest"] as const;

export const rolloutStrategy = objectRule(
  z.strictObject({
    canary: canary.optional().describe("A growing share of the requests, step by step."),
    blueGreen: blueGreen.optional().describe("All requests at once."),
    abTest: abTest.optional().describe("Chosen users; the others stay with the stable version."),
  }),
  checkOneStrategy,
);

function checkOneStrategy(strategy: LooseRecord, report: Report): void {
  const set = STRATEGIES.filter((name) => strategy[name] !== undefined);
  if (set.length === 1) return;
  const problem = set.length === 0 ? "is empty" : `has ${set.join(" and ")}`;
  report({
    path: [],
    message: `${problem}; set exactly one of ${STRATEGIES.join(", ")}`,
    allowed: "exactly one of them",
  });
}

export type RolloutStrategy = z.output<typeof rolloutStrategy>;
export type RolloutUserMatch = z.output<typeof userMatch>;
export type RolloutUserHash = z.output<typeof userHash>;
