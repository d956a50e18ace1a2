/** The bodies that the admin API reads, checked before anything else sees them. */
import { z } from "zod";
import { apiError } from "./api-error.ts";

/** Files of one apply. */
const FILES_MAX = 10_000;

export const REQUEST_SCHEMAS = {
  ApplyRequest: z.strictObject({
    files: z
      .array(z.strictObject({ name: z.string().min(1).max(4096), text: z.string() }))
      .min(1)
      .max(FILES_MAX)
      .describe("YAML or JSON texts, each with any number of documents."),
    dryRun: z.boolean().default(false).describe("Judge and report, write nothing."),
  }),
  JoinTokenRequest: z.strictObject({
    namespace: z.string().min(1).max(253).default("default"),
    serviceAccount: z.string().min(1).max(253),
    ttlSeconds: z.int().min(1).max(3600).optional(),
  }),
} as const;

/** Parses a body. Throws `bad_request` with everything that is wrong. */
export function parseBody<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw apiError("bad_request", `the body is no JSON: ${(error as Error).message}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join(".") || "body"}: ${issue.message}`,
  );
  throw apiError("bad_request", `the body breaks its schema: ${problems.join("; ")}`, {
    hint: "GET /api/v1/openapi.json describes every body",
  });
}

/** A whole number in a query or path. Throws `bad_request`. */
export function parseInteger(
  text: string,
  name: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw apiError(
    "bad_request",
    `${name}: "${text}" is no whole number from ${bounds.min} to ${bounds.max}`,
  );
}
