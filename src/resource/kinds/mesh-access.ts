/** The parts of MeshConfig about the control plane's own door: who may use its API, how much, and what is suspicious. */
import { z } from "zod";
import { duration } from "../fields.ts";
import { listRule, reportRepeated, valueAt } from "../rule.ts";

/** SPIFFE-ID section 2: no query, no fragment, a path of at least one segment. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/;
const HOUR_MS = 3_600_000;

const role = () => z.enum(["Viewer", "Operator", "Admin"]);

const identity = z.strictObject({
  spiffeId: z
    .string()
    .max(2048)
    .regex(SPIFFE_ID, { error: "a SPIFFE id: spiffe://tulle.local/ns/ops/sa/deployer" })
    .describe("Whose client certificate it is, exactly."),
  role: role().describe("What it may do."),
});

const claimRole = z.strictObject({
  value: z.string().min(1).max(256).describe("A value of the claim, exactly."),
  role: role().describe("What who has it may do. Of several the one that may most."),
});

const oidc = z.strictObject({
  issuer: z
    .url({ protocol: /^https?$/, error: "the URL of an issuer, as its tokens name it" })
    .max(2048)
    .describe("An OpenID Connect issuer. Its keys are found by discovery."),
  audiences: z
    .array(z.string().min(1).max(2048))
    .min(1)
    .max(16)
    .describe("Of a token's audiences one must be here."),
  clientId: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe("The public client that `tulle login` is there; also one of the audiences."),
  scopes: z
    .array(
      z
        .string()
        .min(1)
        .max(256)
        .regex(/^[!#-[\]-~]+$/, { error: "a scope: no spaces, quotes or backslashes" }),
    )
    .min(1)
    .max(32)
    .default(["openid", "email", "groups"])
    .describe("What `tulle login` asks for."),
  nameClaim: z
    .string()
    .min(1)
    .max(128)
    .default("email")
    .describe("The claim that the audit log calls a user by; sub where it is missing."),
  roleClaim: z
    .string()
    .min(1)
    .max(128)
    .default("groups")
    .describe("The claim that says what a user may do: a text or a list of texts."),
  roles: z.array(claimRole).min(1).max(64).describe("From values of that claim to roles."),
});

/** `spec.access`. */
export const meshAccess = z.strictObject({
  anonymous: z
    .enum(["Viewer", "None"])
    .default("Viewer")
    .describe(
      "What a client on loopback may do that shows neither token nor certificate: read, or nothing. On the TLS address it may do nothing.",
    ),
  identities: listRule(z.array(identity).max(256), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => JSON.stringify(valueAt(item, "spiffeId")),
      path: ["spiffeId"],
      what: "identities",
    });
  })
    .default([])
    .describe("Roles of workloads that come with a certificate of the mesh, on the TLS address."),
  oidc: oidc.optional().describe("Users who come with a token of an identity provider."),
});

/** `spec.quotas`. */
export const meshQuotas = z.strictObject({
  objectsPerNamespace: z
    .int()
    .min(1)
    .max(100_000)
    .default(5000)
    .describe("Objects of one kind in one namespace. What is there already stays."),
  documentBytes: z
    .int()
    .min(1024)
    .max(16 * 1024 * 1024)
    .default(1024 * 1024)
    .describe("The size of one object, as JSON."),
});

function threshold(what: string, count: number, window: string) {
  return z
    .strictObject({
      count: z.int().min(0).max(1_000_000).default(count).describe("How many. 0: never."),
      window: duration({ minMs: 1000, maxMs: 24 * HOUR_MS })
        .default(window)
        .describe("Within how long."),
    })
    .prefault({})
    .describe(what);
}

/** `spec.audit`. */
export const meshAudit = z.strictObject({
  denialsInterval: duration({ minMs: 1000, maxMs: HOUR_MS })
    .default("30s")
    .describe(
      "How often sidecars are asked what authorization policies denied: a record for each caller, policy and service, with a count.",
    ),
  denialBurst: threshold("So many denials of one identity are an event.", 100, "1m"),
  serviceScan: threshold("One identity denied by so many services is an event.", 5, "5m"),
  expiredCertificates: threshold(
    "So many tries with expired certificates from one address are an event.",
    10,
    "5m",
  ),
  failedLogins: threshold(
    "So many failed authentications from one address are an event.",
    10,
    "1m",
  ),
});
