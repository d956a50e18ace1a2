/**
 * Roles of an AuthorizationPolicy: operations under a name, and who may do them. They are another way to write rules,
 * and become rules: behind those of the policy, one for each binding, in their order.
 */
import { z } from "zod";
import { dnsLabel } from "../fields.ts";
import type { DeepReadonly } from "../object.ts";
import {
  type LooseRecord,
  listAt,
  listRule,
  type Report,
  reportRepeated,
  valueAt,
} from "../rule.ts";
import {
  authorizationOperation,
  authorizationSource,
  authorizationWhen,
} from "./authorization-rule.ts";

const ROLES_MAX = 64;
const BINDINGS_MAX = 128;
const ENTRIES_MAX = 64;

const role = z.strictObject({
  name: dnsLabel().describe("What bindings call it."),
  operations: z
    .array(authorizationOperation)
    .min(1)
    .max(ENTRIES_MAX)
    .describe("What the role may do: any of these."),
});

const binding = z.strictObject({
  role: dnsLabel().describe("The role, from `roles`."),
  subjects: z
    .array(authorizationSource)
    .min(1)
    .max(ENTRIES_MAX)
    .describe("Who has the role: any of these."),
  when: authorizationWhen.optional().describe("All of these must hold."),
});

export const authorizationRoles = listRule(z.array(role).max(ROLES_MAX), (items, report) => {
  reportRepeated(items, report, {
    identity: (item) => JSON.stringify(valueAt(item, "name")),
    path: ["name"],
    what: "names of roles",
  });
});

export const authorizationBindings = z.array(binding).max(BINDINGS_MAX);

export type AuthorizationRole = DeepReadonly<z.output<typeof role>>;
export type AuthorizationBinding = DeepReadonly<z.output<typeof binding>>;

/** Reports bindings of roles that the policy does not have. */
export function checkBindings(spec: LooseRecord, report: Report): void {
  const names = listAt(spec, "roles").map((item) => valueAt(item, "name"));
  for (const [index, item] of listAt(spec, "bindings").entries()) {
    const wanted = valueAt(item, "role");
    if (typeof wanted !== "string" || names.includes(wanted)) continue;
    report({
      path: ["bindings", index, "role"],
      code: "invalid-value",
      message: "is none of the policy's roles",
      allowed: names.filter((name) => typeof name === "string").join(", ") || "a name from roles",
    });
  }
}
