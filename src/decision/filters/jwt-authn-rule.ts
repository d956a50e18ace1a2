/** Envoy's JwtAuthentication, compiled: which tokens are asked for, by what the request is for. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type JwtAuthentication,
  JwtAuthenticationSchema,
  PerRouteConfigSchema,
  type RequirementRule,
} from "../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import type { HeaderName } from "../../http/header-field.ts";
import type { FieldError } from "../field-error.ts";
import type { RequestView } from "../request-view.ts";
import { type CompiledMatch, compileRouteMatch, takes } from "../route-match.ts";
import { compileJwtProvider, type JwtProvider } from "./jwt-provider.ts";
import { compileJwtRequirement, type JwtRequirement } from "./jwt-requirement.ts";

export interface JwtAuthnRule {
  readonly kind: "jwt-authn";
  readonly providers: readonly JwtProvider[];
  /** The first that takes a request holds. Without one nothing is asked. */
  readonly rules: readonly JwtMatchRule[];
  /** For routes, by name. */
  readonly requirements: ReadonlyMap<string, JwtRequirement>;
  /** Fields that tokens alone may give: what clients send in them is removed. */
  readonly ownFields: readonly HeaderName[];
  readonly letsPreflightsPass: boolean;
  /** Clients are not told what was wrong. */
  readonly isSilent: boolean;
}

interface JwtMatchRule {
  readonly match: CompiledMatch;
  readonly requirement: JwtRequirement;
}

/** What a route says: a requirement of the listener's by name, or that nothing is asked. */
export interface JwtAuthnRouteRule {
  readonly kind: "jwt-authn-route";
  readonly requirement: string | undefined;
}

const NOTHING: JwtRequirement = { kind: "nothing" };

/** Undefined for other messages, as in what follows. */
export function compileJwtAuthn(
  config: Any,
  path: string,
  errors: FieldError[],
): JwtAuthnRule | undefined {
  const message = anyUnpack(config, JwtAuthenticationSchema);
  if (message === undefined) return undefined;
  const providers = compileProviders(message, path, errors);
  const requirements = new Map<string, JwtRequirement>();
  for (const [name, requirement] of Object.entries(message.requirementMap)) {
    const at = `${path}.requirement_map[${JSON.stringify(name)}]`;
    requirements.set(name, compileJwtRequirement(requirement, providers, at, errors));
  }
  const list = [...providers.values()];
  return {
    kind: "jwt-authn",
    providers: list,
    rules: message.rules.map((rule, index) => ({
      match: compileRouteMatch(rule.match, `${path}.rules[${index}].match`, errors),
      requirement: ruleRequirement(rule, `${path}.rules[${index}]`),
    })),
    requirements,
    ownFields: list.flatMap(({ rules: { output } }) => [
      ...(output.payloadField === undefined ? [] : [output.payloadField.name]),
      ...output.claimFields.map(({ name }) => name),
    ]),
    letsPreflightsPass: message.bypassCorsPreflight,
    isSilent: message.stripFailureResponse,
  };

  function ruleRequirement({ requirementType: type }: RequirementRule, at: string): JwtRequirement {
    if (type.case === "requires") {
      return compileJwtRequirement(type.value, providers, `${at}.requires`, errors);
    }
    if (type.case === undefined) return NOTHING;
    const found = requirements.get(type.value);
    if (found !== undefined) return found;
    const text = `requirement_map has no "${type.value}"`;
    errors.push({ path: `${at}.requirement_name`, message: text });
    return NOTHING;
  }
}

export function compileJwtAuthnOfRoute(
  config: Any,
  path: string,
  errors: FieldError[],
): JwtAuthnRouteRule | undefined {
  const message = anyUnpack(config, PerRouteConfigSchema);
  if (message === undefined) return undefined;
  const { requirementSpecifier: specifier } = message;
  if (specifier.case === "requirementName" && specifier.value !== "") {
    return { kind: "jwt-authn-route", requirement: specifier.value };
  }
  if (specifier.case !== "disabled" || !specifier.value) {
    errors.push({ path, message: "one of disabled: true, requirement_name is required" });
  }
  return { kind: "jwt-authn-route", requirement: undefined };
}

/** What a request must have where its route says nothing; undefined for nothing. */
export function requirementOf(
  rule: JwtAuthnRule,
  request: RequestView,
): JwtRequirement | undefined {
  const { rules } = rule;
  const isConnect = request.method === "CONNECT";
  for (let i = 0; i < rules.length; i++) {
    if (takes(rules[i]!.match, request, isConnect)) return rules[i]!.requirement;
  }
  return undefined;
}

function compileProviders(
  { providers }: JwtAuthentication,
  path: string,
  errors: FieldError[],
): ReadonlyMap<string, JwtProvider> {
  const compiled = new Map<string, JwtProvider>();
  for (const [name, provider] of Object.entries(providers)) {
    const at = `${path}.providers[${JSON.stringify(name)}]`;
    compiled.set(name, compileJwtProvider(name, provider, at, errors));
  }
  return compiled;
}
