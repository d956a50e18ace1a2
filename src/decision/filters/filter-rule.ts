/**
 * What configuration says to HTTP filters, compiled: a rule for each entry of a listener's filters, and rules in its
 * place where a route, its virtual host or its table has some (`typed_per_filter_config`).
 */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { FilterConfigSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import type { FieldError } from "../field-error.ts";
import { FILTER_KINDS, type FilterRule, inheritRule } from "./filter-kinds.ts";

export type { FilterRule } from "./filter-kinds.ts";

/** A rule that holds instead of the listener's, or that the filter does not act. */
export type RouteFilterRule = FilterRule | "disabled";

/** By the name of the filter in its listener. Undefined where nothing is said, as on most routes. */
export type RouteFilterRules = ReadonlyMap<string, RouteFilterRule> | undefined;

export function ruleOfRoute(
  route: { readonly filterRules: RouteFilterRules } | undefined,
  name: string,
): RouteFilterRule | undefined {
  return route?.filterRules?.get(name);
}

/** The rule of a filter of a listener; undefined for messages of no known filter. */
export function compileFilterRule(
  config: Any,
  path: string,
  errors: FieldError[],
): FilterRule | undefined {
  for (const kind of FILTER_KINDS) {
    const rule = kind.ofListener(config, path, errors);
    if (rule !== undefined) return rule;
  }
  return undefined;
}

/** `outer` are those of the virtual host or table around: what is said here goes before them, name by name. */
export function compileRouteFilterRules(
  configs: Readonly<Record<string, Any>>,
  outer: RouteFilterRules,
  path: string,
  errors: FieldError[],
): RouteFilterRules {
  const names = Object.keys(configs);
  if (names.length === 0) return outer;
  const rules = new Map(outer);
  for (const name of names) {
    const at = `${path}${path === "" ? "" : "."}typed_per_filter_config[${JSON.stringify(name)}]`;
    const rule = compileOne(configs[name]!, at, errors);
    if (rule === undefined) continue;
    const before = outer?.get(name);
    const isJoined = rule !== "disabled" && before !== undefined && before !== "disabled";
    rules.set(name, isJoined ? inheritRule(rule, before) : rule);
  }
  return rules;
}

function compileOne(config: Any, path: string, errors: FieldError[]): RouteFilterRule | undefined {
  const wrapped = anyUnpack(config, FilterConfigSchema);
  if (wrapped !== undefined) {
    if (wrapped.disabled) return "disabled";
    if (wrapped.config !== undefined) {
      const at = `${path}.config`;
      const rule = ruleFor(wrapped.config, at, errors);
      if (rule === undefined && !wrapped.isOptional) errors.push(untaken(wrapped.config, at));
      return rule;
    }
    errors.push({ path, message: "one of config, disabled is required" });
    return undefined;
  }
  const rule = ruleFor(config, path, errors);
  if (rule === undefined) errors.push(untaken(config, path));
  return rule;
}

function ruleFor(config: Any, path: string, errors: FieldError[]): FilterRule | undefined {
  for (const kind of FILTER_KINDS) {
    const rule = kind.ofRoute(config, path, errors);
    if (rule !== undefined) return rule;
  }
  return undefined;
}

function untaken({ typeUrl }: Any, path: string): FieldError {
  return { path, message: `no filter takes ${typeUrl} on a route` };
}
