/** Envoy's RBAC network filter, compiled: which connections of a filter chain are served. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { RBACSchema } from "../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { FieldError } from "../field-error.ts";
import { compileRbac, type RbacEngine } from "./rbac-engine.ts";

export interface NetworkRbacRule {
  readonly rules: RbacEngine | undefined;
  readonly shadow: RbacEngine | undefined;
  /** Before the names under which the shadow rules' result is told to filters behind this one. */
  readonly shadowPrefix: string;
}

/** Undefined for other messages. */
export function compileNetworkRbac(
  config: Any,
  path: string,
  errors: FieldError[],
): NetworkRbacRule | undefined {
  const message = anyUnpack(config, RBACSchema);
  if (message === undefined) return undefined;
  const { statPrefix, rules, shadowRules, shadowRulesStatPrefix: shadowPrefix } = message;
  if (statPrefix === "") errors.push({ path: `${path}.stat_prefix`, message: "is required" });
  const options = { isForTcp: true };
  return {
    rules: rules && compileRbac(rules, options, `${path}.rules`, errors),
    shadow: shadowRules && compileRbac(shadowRules, options, `${path}.shadow_rules`, errors),
    shadowPrefix,
  };
}
