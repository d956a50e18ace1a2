/** `mesh.tulle.dev/v1 AuthorizationPolicy`: who may call what. Istio's fields and meaning, and roles as another way to write them. */
import { z } from "zod";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import { labels } from "../metadata.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { type LooseRecord, objectRule, type Report } from "../rule.ts";
import { authorizationBindings, authorizationRoles, checkBindings } from "./authorization-roles.ts";
import { authorizationRules } from "./authorization-rule.ts";
import { policyTargetRefs, SERVICE_ONLY } from "./policy-target-refs.ts";

/** Istio's annotation for a dry run. */
export const DRY_RUN_ANNOTATION = "istio.io/dry-run";

const specSchema = objectRule(
  z.strictObject({
    selector: z
      .strictObject({ matchLabels: labels().default({}) })
      .optional()
      .describe(
        "Workloads with all of these labels, in the policy's namespace; of a policy in the root namespace, in all of them. Default: all workloads.",
      ),
    targetRefs: policyTargetRefs(SERVICE_ONLY)
      .optional()
      .describe("Instead of selector: the ports that these Services lead to."),
    action: z
      .enum(["ALLOW", "DENY", "AUDIT", "CUSTOM"])
      .default("ALLOW")
      .describe(
        "What a request that matches a rule is: CUSTOM: asked about at the provider. DENY: denied. ALLOW: allowed, and what no ALLOW policy of the workload matches is denied. AUDIT: counted. They are asked in this order.",
      ),
    provider: z
      .strictObject({ name: z.string().min(1).max(253) })
      .optional()
      .describe("Of action CUSTOM: the name of an extension provider in MeshConfig."),
    rules: authorizationRules
      .optional()
      .describe(
        "A request that matches one of them matches the policy. Without rules nothing matches: an ALLOW policy then lets nothing in. `rules: [{}]` matches everything.",
      ),
    roles: authorizationRoles.optional().describe("Operations under names, for bindings."),
    bindings: authorizationBindings
      .optional()
      .describe("Who has which role. Each becomes a rule behind those in `rules`."),
    dryRun: z
      .boolean()
      .default(false)
      .describe(
        'Nothing is denied or asked about; metrics count what would have been, and of whom. The annotation istio.io/dry-run: "true" says the same.',
      ),
  }),
  checkSpec,
);

export type AuthorizationPolicySpec = DeepReadonly<z.output<typeof specSchema>>;
export type AuthorizationPolicy = MeshObject<
  "AuthorizationPolicy",
  AuthorizationPolicySpec,
  ObjectStatus
>;
export type AuthorizationAction = AuthorizationPolicySpec["action"];

export function isDryRun({ metadata, spec }: AuthorizationPolicy): boolean {
  return spec.dryRun || metadata.annotations[DRY_RUN_ANNOTATION] === "true";
}

export const authorizationPolicyKind = defineKind<AuthorizationPolicy>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "AuthorizationPolicy",
  plural: "authorizationpolicies",
  shortNames: ["ap", "authz"],
  namespaced: true,
  name: dnsSubdomain(),
  spec: specSchema.prefault({}),
  description:
    "Who may call what. The sidecar of the called workload judges every request, and every TCP connection when it comes and when policy changes: a CUSTOM policy that matches asks its provider, then a DENY policy that matches denies; a workload without ALLOW policies lets the rest in, one with some only what one of them matches. All policies of a workload hold together, whatever their age. On ports that carry no HTTP, an ALLOW rule that looks at requests never matches, and a DENY rule goes by its other fields alone.",
  status: [
    {
      path: "conditions",
      description: "Accepted: True, or False with TargetNotFound, InvalidKind.",
    },
  ],
  example: `apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata:
  name: catalog
spec:
  selector: {matchLabels: {app: catalog}}
  action: ALLOW
  rules:
    - from:
        - source: {principals: [tulle.local/ns/default/sa/storefront]}
      to:
        - operation: {methods: [GET], paths: [/items, "/items/{*}"]}
`,
});

function checkSpec(spec: LooseRecord, report: Report): void {
  const { action, provider, selector, targetRefs, bindings } = spec;
  if (selector !== undefined && targetRefs !== undefined) {
    report({ path: ["targetRefs"], message: "must not be set beside selector" });
  }
  if (action === "CUSTOM" && provider === undefined) {
    report({ path: ["provider"], code: "missing-field", message: "is missing; CUSTOM needs it" });
  }
  if (action !== "CUSTOM" && provider !== undefined) {
    report({ path: ["provider"], message: "is for action CUSTOM", allowed: "action: CUSTOM" });
  }
  if (bindings !== undefined) checkBindings(spec, report);
}
