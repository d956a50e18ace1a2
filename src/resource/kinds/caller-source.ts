/** Which callers something is for: what a sidecar is known to be when it connects, never what a request says. */
import { z } from "zod";
import { dnsLabel, dnsSubdomain } from "../fields.ts";
import { labels } from "../metadata.ts";
import type { DeepReadonly } from "../object.ts";
import { objectRule } from "../rule.ts";

/** All that is said must hold. */
export const callerSource = objectRule(
  z.strictObject({
    namespaces: z
      .array(dnsLabel())
      .min(1)
      .max(64)
      .optional()
      .describe("Callers' namespaces, one of which must be theirs."),
    workloadLabels: labels()
      .optional()
      .describe("Labels that callers' instances must have, all of them."),
    serviceAccounts: z
      .array(dnsSubdomain())
      .min(1)
      .max(64)
      .optional()
      .describe(
        "Callers' service accounts: the last part of their SPIFFE identity, which is verified.",
      ),
  }),
  (value, report) => {
    if (Object.values(value).some((field) => field !== undefined)) return;
    report({
      path: [],
      message: "says nothing of callers; set namespaces, workloadLabels or serviceAccounts",
      allowed: "namespaces, workloadLabels or serviceAccounts",
    });
  },
);

export type CallerSource = DeepReadonly<z.output<typeof callerSource>>;
