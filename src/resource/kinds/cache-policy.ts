/** `mesh.tulle.dev/v1 CachePolicy`: responses that the sidecars of a Service keep, and answer requests with. */
import { z } from "zod";
import { dnsSubdomain, duration, headerName } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { listRule, objectRule, reportRepeated, valueAt } from "../rule.ts";
import { headerMatches, httpRouteMatch } from "./http-route-match.ts";
import { policyTargetRefs } from "./policy-target-refs.ts";

const HOUR_MS = 3_600_000;

/** Purges that a policy lists: the command line drops the oldest. */
export const PURGES_MAX = 64;

const match = z.strictObject({
  path: httpRouteMatch.shape.path.optional().describe("As in an HTTPRoute. Default: every path."),
  headers: headerMatches.optional().describe("All must match."),
});

const key = z.strictObject({
  headers: z
    .array(headerName())
    .max(16)
    .optional()
    .describe("Request fields that tell responses apart, beside those that Vary names."),
  ignoreQueryParams: z
    .array(z.string().min(1).max(256))
    .max(64)
    .optional()
    .describe("Query parameters that make no difference: utm_source."),
});

const memory = z.strictObject({
  totalMebibytes: z
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .describe("All responses that one sidecar keeps for the port."),
  objectKibibytes: z
    .int()
    .min(1)
    .max(262_144)
    .default(1024)
    .describe("The largest response that is kept."),
});

const purge = objectRule(
  z.strictObject({
    id: z.string().min(1).max(64).describe("Each is carried out once: a new one needs a new id."),
    path: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe("Responses for this path, whatever the query; with * at its end for a prefix."),
    tag: z.string().min(1).max(128).optional().describe("Responses with this tag."),
  }),
  (value, report) => {
    if (value["path"] !== undefined || value["tag"] !== undefined) return;
    report({ path: [], code: "missing-field", message: "needs path, tag or both" });
  },
);

const specSchema = z.strictObject({
  targetRefs: policyTargetRefs({
    group: "Empty: the core group, where Service lives.",
    kind: "Only Service has an effect.",
    name: "A Service in the policy's namespace.",
  }).describe("The Services whose responses are kept, by the sidecars of their instances."),
  match: match
    .optional()
    .describe("The requests that the cache looks at. Default: all GET and HEAD."),
  sharing: z
    .enum(["PerIdentity", "Shared"])
    .default("PerIdentity")
    .describe(
      "PerIdentity: a response answers only requests of the same calling workload with the same Authorization and Cookie. Shared: everybody's, within what Cache-Control and Vary allow.",
    ),
  defaultTtl: duration({ minMs: 1000, maxMs: 24 * HOUR_MS })
    .optional()
    .describe("How long responses stay fresh that do not say. Default: they are not kept."),
  heuristicFreshness: z
    .boolean()
    .default(false)
    .describe(
      "Responses that only say when they last changed stay fresh for a tenth of that time.",
    ),
  targetedFields: listRule(
    z
      .array(
        headerName().regex(/-[Cc]ache-[Cc]ontrol$/, {
          error: "a name that ends in -Cache-Control, like CDN-Cache-Control",
        }),
      )
      .max(8),
    (items, report) => {
      reportRepeated(items, report, {
        identity: (item) => (typeof item === "string" ? item.toLowerCase() : undefined),
        path: [],
        what: "names",
      });
    },
  )
    .default(["CDN-Cache-Control"])
    .describe(
      "Response fields that go before Cache-Control and Expires where an answer has them, the first one first (RFC 9213). []: none.",
    ),
  staleWhileRevalidate: duration({ maxMs: 24 * HOUR_MS })
    .default("0s")
    .describe("How long a stale response answers while a new one is fetched. Responses may say."),
  staleIfError: duration({ maxMs: 24 * HOUR_MS })
    .default("0s")
    .describe("How long a stale response answers in place of a failure. Responses may say."),
  collapseWait: duration({ maxMs: 60_000 })
    .default("5s")
    .describe("How long requests wait for the response that another one fetches; 0s: they do not."),
  key: key.optional().describe("What tells responses apart."),
  memory: memory.prefault({}).describe("How much is kept."),
  tagHeader: headerName()
    .default("Cache-Tag")
    .describe("The response field that lists tags for purging."),
  purges: listRule(z.array(purge).max(PURGES_MAX), (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => {
        const id = valueAt(item, "id");
        return typeof id === "string" ? id : undefined;
      },
      path: ["id"],
      what: "ids",
    });
  })
    .optional()
    .describe("What is to be forgotten, once each: tulle cache purge adds to it."),
});

export type CachePolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type CachePolicy = MeshObject<"CachePolicy", CachePolicySpec, ObjectStatus>;

export const cachePolicyKind = defineKind<CachePolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "CachePolicy",
  plural: "cachepolicies",
  shortNames: ["cp"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "A response cache (RFC 9111) in the sidecars of a Service's instances, in front of the app. What is kept, and how long, is what the app's Cache-Control, Expires and Vary say. Of several policies for one Service the oldest holds, then the first by name; the others say Conflicted.",
  status: [
    {
      path: "conditions",
      description: "Accepted: True, or False with TargetNotFound, Conflicted, InvalidKind.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: CachePolicy
metadata:
  name: catalog
spec:
  targetRefs:
    - {kind: Service, name: catalog}
  match:
    path: {type: PathPrefix, value: /items}
  sharing: Shared
  staleWhileRevalidate: 30s
  staleIfError: 10m
  memory: {totalMebibytes: 32}
`,
});
