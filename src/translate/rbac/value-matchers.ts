/** The forms of values in AuthorizationPolicies (`x`, `x*`, `*x`, `*`) as Envoy's matchers, as Istio writes them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Permission,
  PermissionSchema,
  type Principal,
  PrincipalSchema,
} from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import type { HeaderMatcherSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { UriTemplateMatchConfigSchema } from "../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js";
import {
  type StringMatcher,
  StringMatcherSchema,
} from "../../gen/envoy/type/matcher/v3/string_pb.js";
import type { ValueMatcherSchema } from "../../gen/envoy/type/matcher/v3/value_pb.js";
import { pack } from "../message.ts";

type Pattern = NonNullable<MessageInitShape<typeof StringMatcherSchema>["matchPattern"]>;

export function permission(rule: MessageInitShape<typeof PermissionSchema>["rule"]): Permission {
  return create(PermissionSchema, rule === undefined ? {} : { rule });
}

export function principal(
  identifier: MessageInitShape<typeof PrincipalSchema>["identifier"],
): Principal {
  return create(PrincipalSchema, identifier === undefined ? {} : { identifier });
}

/** Anything that is there. */
const PRESENT: Pattern = { case: "safeRegex", value: { regex: ".+" } };

export function stringMatcher(value: string, ignoreCase = false): StringMatcher {
  return create(StringMatcherSchema, { matchPattern: patternOf(value), ignoreCase });
}

function patternOf(value: string): Pattern {
  if (value === "*") return PRESENT;
  if (value.endsWith("*")) return { case: "prefix", value: value.slice(0, -1) };
  if (value.startsWith("*")) return { case: "suffix", value: value.slice(1) };
  return { case: "exact", value };
}

export function headerMatcher(
  name: string,
  value: string,
): MessageInitShape<typeof HeaderMatcherSchema> {
  if (value === "*") return { name, headerMatchSpecifier: { case: "presentMatch", value: true } };
  return { name, headerMatchSpecifier: { case: "stringMatch", value: stringMatcher(value) } };
}

/** `spiffe://` goes before what is compared, as in Istio. */
export function principalMatcher(value: string): StringMatcher {
  const plain = value.replace(/^spiffe:\/\//, "");
  if (plain === "*") return stringMatcher("*");
  return plain.startsWith("*")
    ? identityWithEnd(plain.slice(1))
    : stringMatcher(`spiffe://${plain}`);
}

/** Where an identity has its namespace: Istio's regular expression without an automaton. */
export function namespaceMatcher(value: string): StringMatcher {
  if (value === "*") return contains("/ns/");
  if (value.endsWith("*")) return contains(`/ns/${value.slice(0, -1)}`);
  if (!value.startsWith("*")) return contains(`/ns/${value}/`);
  const regex = `.*/ns/[^/]*${quoted(value.slice(1))}/.*`;
  return create(StringMatcherSchema, { matchPattern: { case: "safeRegex", value: { regex } } });
}

/** `value` is `name`, of the policy's own namespace, or `namespace/name`. */
export function serviceAccountMatcher(value: string, ownNamespace: string): StringMatcher {
  const slash = value.indexOf("/");
  const namespace = slash < 0 ? ownNamespace : value.slice(0, slash);
  const account = value.slice(slash + 1);
  return identityWithEnd(`/ns/${namespace}/sa/${account}`);
}

export function trustDomainMatcher(value: string): StringMatcher {
  if (value === "*") return stringMatcher("spiffe://*");
  if (value.endsWith("*")) return stringMatcher(`spiffe://${value}`);
  if (!value.startsWith("*")) return stringMatcher(`spiffe://${value}/*`);
  const regex = `spiffe://[^/]*${quoted(value.slice(1))}/.*`;
  return create(StringMatcherSchema, { matchPattern: { case: "safeRegex", value: { regex } } });
}

/**
 * A host is meant in any case, with every port and with the dot of a root behind it, for that is the same host (T23);
 * where it names a port, that one counts.
 */
export function hostPermissions(value: string): readonly Permission[] {
  const header = (matcher: StringMatcher): Permission =>
    permission({
      case: "header",
      value: {
        name: ":authority",
        headerMatchSpecifier: { case: "stringMatch", value: matcher },
      },
    });
  if (value === "*") {
    return [permission({ case: "header", value: headerMatcher(":authority", "*") })];
  }
  if (value.endsWith("*") || value.includes(":")) return [header(stringMatcher(value, true))];
  if (value.startsWith("*")) {
    const regex = `(?i).*${quoted(value.slice(1))}\\.?(:[0-9]+)?`;
    const pattern: Pattern = { case: "safeRegex", value: { regex } };
    return [header(create(StringMatcherSchema, { matchPattern: pattern }))];
  }
  return [value, `${value}:*`, `${value}.`, `${value}.:*`].map((one) =>
    header(stringMatcher(one, true)),
  );
}

/** `{*}` and `{**}` are Envoy's stars without braces. */
export function pathPermission(value: string): Permission {
  if (!/[{}]/.test(value)) {
    return permission({
      case: "urlPath",
      value: { rule: { case: "path", value: stringMatcher(value) } },
    });
  }
  const pathTemplate = value.replaceAll("{**}", "**").replaceAll("{*}", "*");
  const config = create(UriTemplateMatchConfigSchema, { pathTemplate });
  return permission({
    case: "uriTemplate",
    value: { name: "uri-template", typedConfig: pack(UriTemplateMatchConfigSchema, config) },
  });
}

/** A claim is a text, or a list of texts of which one is enough. */
export function claimValueMatcher(
  matchers: readonly StringMatcher[],
): MessageInitShape<typeof ValueMatcherSchema> {
  const texts = matchers.map(
    (value) => ({ matchPattern: { case: "stringMatch", value } }) as const,
  );
  const lists = texts.map(
    (value) =>
      ({
        matchPattern: {
          case: "listMatch",
          value: { matchPattern: { case: "oneOf", value } },
        },
      }) as const,
  );
  return { matchPattern: { case: "orMatch", value: { valueMatchers: [...texts, ...lists] } } };
}

/** SPIFFE ids alone: Envoy compares a certificate's other names with the matcher, too. */
function identityWithEnd(end: string): StringMatcher {
  const regex = `spiffe://.*${quoted(end)}`;
  return create(StringMatcherSchema, { matchPattern: { case: "safeRegex", value: { regex } } });
}

function contains(value: string): StringMatcher {
  return create(StringMatcherSchema, { matchPattern: { case: "contains", value } });
}

/** Every character stands for itself (T29). */
function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
