/** The HTTP filters of a listener: the router at the end, and before it what requests pass on their way to it. */
import { toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { compileFilterRule, type FilterRule } from "../../decision/filters/filter-rule.ts";
import { RouterSchema } from "../../gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import type {
  HttpConnectionManager,
  HttpFilter,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";

export interface HttpFilters {
  /** `suppress_envoy_headers` of the router. */
  readonly isSilent: boolean;
  /** `respect_expected_rq_timeout` of the router. */
  readonly respectsExpectedTimeout: boolean;
  readonly entries: readonly FilterEntry[];
}

/** A filter before the router. */
export interface FilterEntry {
  /** Under which routes speak of it. */
  readonly name: string;
  readonly rule: FilterRule;
  /** It acts only where a route has settings for it. */
  readonly isDisabled: boolean;
  /** Equal for equal configuration. */
  readonly key: string;
}

export function compileHttpFilters(
  { httpFilters }: HttpConnectionManager,
  path: string,
  errors: FieldError[],
): HttpFilters {
  const last = httpFilters.at(-1);
  const router = last === undefined ? undefined : routerOf(last);
  if (router === undefined) {
    errors.push({ path: `${path}.http_filters`, message: "the last filter must be the router" });
  }
  const entries: FilterEntry[] = [];
  for (const [index, filter] of httpFilters.slice(0, -1).entries()) {
    const at = `${path}.http_filters[${index}]`;
    const { configType, name, disabled, isOptional } = filter;
    if (entries.some((entry) => entry.name === name)) {
      errors.push({ path: `${at}.name`, message: `"${name}" stands in two places` });
    }
    if (configType.case !== "typedConfig") {
      errors.push({ path: at, message: "typed_config is required" });
      continue;
    }
    const rule = compileFilterRule(configType.value, `${at}.typed_config`, errors);
    if (rule !== undefined) {
      entries.push({ name, rule, isDisabled: disabled, key: keyOf(configType.value) });
    } else if (routerOf(filter) !== undefined) {
      errors.push({ path: at, message: "the router comes last, and once" });
    } else if (anyUnpack(configType.value, TypedStructSchema) !== undefined && !isOptional) {
      const message = "no filter takes this type_url; is_optional passes over it";
      errors.push({ path: `${at}.typed_config.type_url`, message });
    }
  }
  return {
    isSilent: router?.suppressEnvoyHeaders ?? false,
    respectsExpectedTimeout: router?.respectExpectedRqTimeout ?? false,
    entries,
  };
}

function routerOf({ configType }: HttpFilter) {
  return configType.case === "typedConfig" ? anyUnpack(configType.value, RouterSchema) : undefined;
}

function keyOf(config: Any): string {
  return Buffer.from(toBinary(AnySchema, config)).toString("base64");
}
