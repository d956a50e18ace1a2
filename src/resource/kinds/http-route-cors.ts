/** The CORS filter of an HTTPRoute, with the limits and rules of Gateway API v1. */
import { z } from "zod";
import { headerName } from "../fields.ts";
import { listRule, reportRepeated } from "../rule.ts";
import { HTTP_METHODS } from "./http-route-match.ts";

const ORIGIN = /^\*$|^https?:\/\/((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:[0-9]{1,5})?$/;

/** A set in which `*`, if there, stands alone. */
function wildcardSet<T extends z.ZodType>(item: T, options: { readonly itemsMax: number }) {
  return listRule(z.array(item).max(options.itemsMax), (items, report) => {
    reportRepeated(items, report, {
      identity: (value) => (typeof value === "string" ? value : undefined),
      path: [],
      what: "entries",
    });
    const index = items.indexOf("*");
    if (index === -1 || items.length === 1) return;
    report({ path: [index], message: "* must not stand beside other entries" });
  });
}

export const cors = z.strictObject({
  allowOrigins: wildcardSet(
    z.string().min(1).max(253).regex(ORIGIN, {
      error: "*, or scheme://host with an optional port, the host's first label may be *",
    }),
    { itemsMax: 64 },
  )
    .optional()
    .describe("Origins that may read responses; * for all."),
  allowCredentials: z.boolean().optional().describe("Whether cookies may be sent along."),
  allowMethods: wildcardSet(z.enum([...HTTP_METHODS, "*"]), { itemsMax: 9 })
    .optional()
    .describe("Methods beyond the simple ones."),
  allowHeaders: wildcardSet(headerName(), { itemsMax: 64 })
    .optional()
    .describe("Request fields beyond the simple ones."),
  exposeHeaders: wildcardSet(headerName(), { itemsMax: 64 })
    .optional()
    .describe("Response fields that scripts may read."),
  maxAge: z
    .int()
    .min(1)
    .max(2_147_483_647)
    .default(5)
    .describe("Seconds for which browsers may keep a preflight's answer."),
});
