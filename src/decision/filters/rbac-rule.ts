/** Envoy's RBAC filter, compiled: rules that are enforced, and shadow rules that are only watched. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type RBAC,
  RBACPerRouteSchema,
  RBACSchema,
} from "../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileRbac, type RbacEngine } from "../rbac/rbac-engine.ts";

export interface RbacRule {
  readonly kind: "rbac";
  /** Undefined: every request goes on. */
  readonly rules: RbacEngine | undefined;
  /** Judged for the counts and for filters behind this one. */
  readonly shadow: RbacEngine | undefined;
  /** Before the names under which the shadow rules' result is told to filters behind this one. */
  readonly shadowPrefix: string;
}

/** Undefined for other messages. */
export function compileRbacFilter(
  config: Any,
  path: string,
  errors: FieldError[],
): RbacRule | undefined {
  const message = anyUnpack(config, RBACSchema);
  return message === undefined ? undefined : ruleOf(message, path, errors);
}

/** Undefined for other messages. Of a route whose message is empty nothing is asked. */
export function compileRbacOfRoute(
  config: Any,
  path: string,
  errors: FieldError[],
): RbacRule | undefined {
  const message = anyUnpack(config, RBACPerRouteSchema);
  if (message === undefined) return undefined;
  if (message.rbac !== undefined) return ruleOf(message.rbac, `${path}.rbac`, errors);
  return { kind: "rbac", rules: undefined, shadow: undefined, shadowPrefix: "" };
}

function ruleOf(
  { rules, shadowRules, shadowRulesStatPrefix }: RBAC,
  path: string,
  errors: FieldError[],
): RbacRule {
  const options = { isForTcp: false };
  return {
    kind: "rbac",
    rules: rules && compileRbac(rules, options, `${path}.rules`, errors),
    shadow: shadowRules && compileRbac(shadowRules, options, `${path}.shadow_rules`, errors),
    shadowPrefix: shadowRulesStatPrefix,
  };
}
