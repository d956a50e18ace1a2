/** The authorization rules of a workload's port, read from the listener that its sidecar gets for it. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { compileNetworkExtAuthz } from "../../decision/ext-authz/network-ext-authz-rule.ts";
import { type FieldError, fieldErrorText } from "../../decision/field-error.ts";
import { compileExtAuthz } from "../../decision/filters/ext-authz-rule.ts";
import { compileRbacFilter, type RbacRule } from "../../decision/filters/rbac-rule.ts";
import { compileNetworkRbac, type NetworkRbacRule } from "../../decision/rbac/network-rbac-rule.ts";
import type { AskingRules } from "../../decision/rbac/verdict.ts";
import type { FilterChain } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";

export interface InboundRules {
  /** Undefined where the port carries no HTTP. */
  readonly http:
    | {
        readonly manager: HttpConnectionManager;
        readonly rules: readonly (RbacRule | AskingRules)[];
      }
    | undefined;
  /** Undefined where it carries nothing else. */
  readonly tcp: readonly (NetworkRbacRule | AskingRules)[] | undefined;
}

/** Throws where rules cannot be read as this release reads them. */
export function inboundRules(listener: Listener): InboundRules {
  const chains = [...listener.filterChains, listener.defaultFilterChain].filter(
    (chain) => chain !== undefined,
  );
  const errors: FieldError[] = [];
  let http: InboundRules["http"];
  let tcp: InboundRules["tcp"];
  for (const chain of chains) {
    const manager = managerOf(chain);
    if (manager === undefined) tcp ??= networkRules(chain, errors);
    else http ??= { manager, rules: httpRules(manager, errors) };
  }
  if (errors.length > 0) throw new Error(fieldErrorText(errors));
  return { http, tcp };
}

function managerOf({ filters }: FilterChain): HttpConnectionManager | undefined {
  const config = filters.at(-1)?.configType;
  if (config?.case !== "typedConfig") return undefined;
  return anyUnpack(config.value, HttpConnectionManagerSchema);
}

function httpRules({ httpFilters }: HttpConnectionManager, errors: FieldError[]) {
  return httpFilters.flatMap(({ name, configType, disabled }): (RbacRule | AskingRules)[] => {
    if (disabled || configType.case !== "typedConfig") return [];
    const { value } = configType;
    const rule = compileRbacFilter(value, name, errors) ?? compileExtAuthz(value, name, errors);
    return rule === undefined ? [] : [rule];
  });
}

function networkRules({ filters }: FilterChain, errors: FieldError[]) {
  return filters.flatMap(({ name, configType }): (NetworkRbacRule | AskingRules)[] => {
    if (configType.case !== "typedConfig") return [];
    const { value } = configType;
    const rule =
      compileNetworkRbac(value, name, errors) ?? compileNetworkExtAuthz(value, name, errors);
    return rule === undefined ? [] : [rule];
  });
}
