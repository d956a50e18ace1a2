/** Sessions that stay at one instance, as the Gateway API writes them (GEP-1619). */
import { z } from "zod";
import { duration, headerName } from "../fields.ts";
import { objectRule, valueAt } from "../rule.ts";

export const sessionPersistence = objectRule(
  z.strictObject({
    type: z.enum(["Cookie", "Header"]).default("Cookie").describe("What carries the session."),
    absoluteTimeout: duration().optional().describe("The longest life of a session."),
    cookie: z
      .strictObject({
        name: headerName().optional(),
        path: z.string().max(1024).default("/"),
        lifetimeType: z
          .enum(["Permanent", "Session"])
          .default("Session")
          .describe("Permanent: until absoluteTimeout, which is then needed."),
      })
      .optional(),
    header: z.strictObject({ name: headerName() }).optional(),
  }),
  (session, report) => {
    const type = session["type"];
    for (const [owner, member] of [
      ["Cookie", "cookie"],
      ["Header", "header"],
    ] as const) {
      const isSet = session[member] !== undefined;
      if (owner === type && !isSet) {
        report({
          path: [member],
          code: "missing-field",
          message: `is missing; type ${type} needs it`,
        });
      } else if (owner !== type && isSet) {
        report({ path: [member], message: `belongs to type ${owner}, but type is ${type}` });
      }
    }
    const isPermanent = valueAt(session, "cookie", "lifetimeType") === "Permanent";
    if (!isPermanent || session["absoluteTimeout"] !== undefined) return;
    report({
      path: ["absoluteTimeout"],
      code: "missing-field",
      message: "is missing; a Permanent cookie needs it",
      allowed: "a duration",
    });
  },
);

export type SessionPersistence = z.output<typeof sessionPersistence>;
