/**
 * What a policy's permissions ask of method and path at the least, so that policies can be found by them. Keys may
 * promise too much and never too little: whoever finds a policy by them still tests it whole.
 */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { wireText } from "../../core/wire-text.ts";
import type { Permission } from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import type { HeaderMatcher } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { UriTemplateMatchConfigSchema } from "../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import type { StringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import { compileUriTemplate } from "./uri-template.ts";

/** Undefined where the policy asks nothing of it. */
export interface PolicyKeys {
  readonly methods: readonly string[] | undefined;
  readonly paths: readonly PathKey[] | undefined;
}

export interface PathKey {
  readonly kind: "exact" | "prefix";
  /** In wire form. */
  readonly text: string;
}

const ANYTHING: PolicyKeys = { methods: undefined, paths: undefined };

/** Of a list of which one is enough. */
export function keysOfAny(permissions: readonly Permission[]): PolicyKeys {
  const all = permissions.map(keysOf);
  return {
    methods: union(all.map(({ methods }) => methods)),
    paths: union(all.map(({ paths }) => paths)),
  };
}

function keysOf({ rule }: Permission): PolicyKeys {
  switch (rule.case) {
    case "andRules": {
      const all = rule.value.rules.map(keysOf);
      return {
        methods: shortest(all.map(({ methods }) => methods)),
        paths: shortest(all.map(({ paths }) => paths)),
      };
    }
    case "orRules":
      return keysOfAny(rule.value.rules);
    case "header":
      return { methods: methodsOf(rule.value), paths: undefined };
    case "urlPath": {
      const matcher = rule.value.rule.case === "path" ? rule.value.rule.value : undefined;
      return { methods: undefined, paths: matcher && pathsOf(matcher) };
    }
    case "uriTemplate": {
      const any = rule.value.typedConfig;
      const config = any && anyUnpack(any, UriTemplateMatchConfigSchema);
      if (config === undefined) return ANYTHING;
      const { literalPrefix } = compileUriTemplate(config.pathTemplate, "", []);
      return { methods: undefined, paths: [{ kind: "prefix", text: literalPrefix }] };
    }
    default:
      return ANYTHING;
  }
}

function methodsOf(matcher: HeaderMatcher): readonly string[] | undefined {
  if (matcher.name.toLowerCase() !== ":method" || matcher.invertMatch) return undefined;
  const { case: kind, value } = matcher.headerMatchSpecifier;
  if (kind === "exactMatch") return [value];
  if (kind !== "stringMatch" || value.ignoreCase) return undefined;
  return value.matchPattern.case === "exact" ? [value.matchPattern.value] : undefined;
}

function pathsOf({ matchPattern, ignoreCase }: StringMatcher): readonly PathKey[] | undefined {
  if (ignoreCase) return undefined;
  switch (matchPattern.case) {
    case "exact":
    case "prefix":
      return [{ kind: matchPattern.case, text: wireText(matchPattern.value) }];
    default:
      return undefined;
  }
}

function union<T>(lists: readonly (readonly T[] | undefined)[]): readonly T[] | undefined {
  const all: T[] = [];
  for (const list of lists) {
    if (list === undefined) return undefined;
    all.push(...list);
  }
  return all;
}

function shortest<T>(lists: readonly (readonly T[] | undefined)[]): readonly T[] | undefined {
  let best: readonly T[] | undefined;
  for (const list of lists) {
    if (list !== undefined && (best === undefined || list.length < best.length)) best = list;
  }
  return best;
}
