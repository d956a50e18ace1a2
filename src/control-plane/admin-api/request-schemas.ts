/** The bodies that the admin API reads, checked before anything else sees them. */
import { z } from "zod";
import { OBSERVED_CALLS_MAX } from "../../telemetry/observed/observed-calls.ts";
import { ADMIN_ROLES } from "../access/roles.ts";
import { SUGGEST_LEVELS } from "../authz-types.ts";
import { ROTATION_STEPS } from "../ca/rotation-record.ts";
import { ROLLOUT_ACTIONS } from "../rollout/rollout-command.ts";
import { apiError } from "./api-error.ts";

/** Files of one apply. */
const FILES_MAX = 10_000;
/** Of one request that is explained. */
const EXPLAINED_HEADERS_MAX = 100;

const observedCall = z.strictObject({
  principal: z.string().max(2048),
  address: z.string().max(512),
  authority: z.string().max(2048),
  appPort: z.int().min(1).max(65_535).optional(),
  method: z.string().min(1).max(256).optional(),
  path: z.string().regex(/^\//).max(8192).optional(),
  isIdentityOnly: z.boolean().optional(),
  count: z.int().min(1),
  failed: z.int().min(0),
  firstSeen: z.iso.datetime().nullable(),
  lastSeen: z.iso.datetime().nullable(),
});

export const REQUEST_SCHEMAS = {
  ApplyRequest: z.strictObject({
    files: z
      .array(z.strictObject({ name: z.string().min(1).max(4096), text: z.string() }))
      .min(1)
      .max(FILES_MAX)
      .describe("YAML or JSON texts, each with any number of documents."),
    dryRun: z.boolean().default(false).describe("Judge and report, write nothing."),
  }),
  ExplainRequest: z.strictObject({
    method: z.string().min(1).max(64),
    url: z.string().min(1).max(8192).describe("http://catalog/items/7?page=2"),
    headers: z
      .array(z.tuple([z.string().min(1).max(256), z.string().max(8192)]))
      .max(EXPLAINED_HEADERS_MAX)
      .default([])
      .describe("Names and values, in order."),
    from: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe("An instance or a Service, with its namespace and a slash before it or without."),
    gateway: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe("In place of from: the Gateway that the request comes to from outside."),
    namespace: z.string().min(1).max(253).default("default"),
    protocol: z.enum(["http", "http2", "grpc"]).default("http"),
    bodySizeBytes: z.int().min(0).optional(),
    claims: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("Supposed to be in the user's verified token. Default: there is none."),
    listener: z.string().min(1).max(512).optional(),
  }),
  AuthzCheckRequest: z.strictObject({
    from: z.string().min(1).max(2048).describe("An instance, a Service, spiffe://…, or anonymous."),
    to: z.string().min(1).max(512).describe("A Service or an instance."),
    method: z.string().min(1).max(64).optional(),
    path: z
      .string()
      .min(1)
      .max(8192)
      .regex(/^\//, { error: "a path that begins with /" })
      .optional()
      .describe("With its query. Without it a TCP connection is judged."),
    headers: z
      .array(z.tuple([z.string().min(1).max(256), z.string().max(8192)]))
      .max(EXPLAINED_HEADERS_MAX)
      .default([]),
    claims: z.record(z.string(), z.unknown()).optional().describe("Of the user's verified token."),
    sourceIp: z
      .union([z.ipv4(), z.ipv6()], { error: "an IP address" })
      .optional()
      .describe("Where the connection comes from. Default: 127.0.0.1."),
    port: z.int().min(1).max(65_535).optional(),
    namespace: z.string().min(1).max(253).default("default"),
  }),
  AuthzSuggestRequest: z.strictObject({
    service: z.string().min(1).max(512).optional().describe("Default: all."),
    namespace: z.string().min(1).max(253).default("default"),
    level: z.enum(SUGGEST_LEVELS).optional().describe("Default: as much as is known."),
    includeFailed: z.boolean().default(false),
    dryRun: z.boolean().default(false).describe("Suggest policies under dry run."),
    calls: z
      .array(observedCall)
      .max(OBSERVED_CALLS_MAX)
      .optional()
      .describe("From access logs. Default: what sidecars count."),
  }),
  JoinTokenRequest: z.strictObject({
    namespace: z.string().min(1).max(253).default("default"),
    serviceAccount: z.string().min(1).max(253),
    ttlSeconds: z.int().min(1).max(3600).optional(),
  }),
  TokenRequest: z.strictObject({
    name: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
        error: "lower-case letters, digits, dots and dashes, first and last a letter or digit",
      }),
    role: z.enum(ADMIN_ROLES),
    ttlSeconds: z.int().min(60).max(31_536_000).optional(),
  }),
  InstanceActionRequest: z.strictObject({
    action: z
      .enum(["drain", "undrain"])
      .describe("drain: no new requests, and those under way end; undrain: as before."),
  }),
  RetireRequest: z.strictObject({
    root: z
      .string()
      .regex(/^[0-9a-f]{4,64}$/, { error: "the id of a root, or its beginning: 4 digits or more" })
      .describe("As GET /api/v1/ca has it."),
    skipDisconnected: z.boolean().optional(),
  }),
  RotationRequest: z.strictObject({
    action: z.enum(["start", "pause", "abort"]),
    until: z.enum(ROTATION_STEPS).optional().describe("The last step before it pauses."),
    skipDisconnected: z
      .boolean()
      .optional()
      .describe("Do not wait for proxies that are not connected."),
    skipPartners: z
      .boolean()
      .optional()
      .describe("Do not give partners of a federation time to fetch the new root."),
  }),
  RolloutActionRequest: z.strictObject({
    action: z
      .enum(ROLLOUT_ACTIONS)
      .describe("promote goes to the next step, promote-full to the end."),
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
