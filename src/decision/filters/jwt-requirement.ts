/** Which tokens a request must have, compiled from Envoy's JwtRequirement: a tree of providers. */
import type { JwtRequirement as JwtRequirementMessage } from "../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import type { FieldError } from "../field-error.ts";
import type { JwtProvider } from "./jwt-provider.ts";

export type JwtRequirement =
  | {
      readonly kind: "provider";
      readonly provider: JwtProvider;
      /** Hold instead of the provider's. */
      readonly audiences: readonly string[] | undefined;
    }
  | { readonly kind: "any" | "all"; readonly parts: readonly JwtRequirement[] }
  /** A token of these that is there must be good; with `failed` not even that. */
  | { readonly kind: "missing" | "failed"; readonly providers: readonly JwtProvider[] }
  /** Nothing is asked. */
  | { readonly kind: "nothing" };

const NOTHING: JwtRequirement = { kind: "nothing" };

/** What requirements speak of, by name. */
export type JwtProviders = ReadonlyMap<string, JwtProvider>;

/** What is wrong in requirements comes from strangers: they nest as far as people do. */
const DEPTH_MAX = 16;

/** `siblings`: the providers beside it, where it is one of several; none means all that there are. */
export function compileJwtRequirement(
  { requiresType: type }: JwtRequirementMessage,
  providers: JwtProviders,
  path: string,
  errors: FieldError[],
  siblings: readonly JwtProvider[] = [],
  depth = 0,
): JwtRequirement {
  switch (type.case) {
    case "providerName": {
      const provider = providerNamed(type.value, providers, `${path}.provider_name`, errors);
      return provider === undefined
        ? NOTHING
        : { kind: "provider", provider, audiences: undefined };
    }
    case "providerAndAudiences": {
      const at = `${path}.provider_and_audiences`;
      const { providerName, audiences } = type.value;
      const provider = providerNamed(providerName, providers, `${at}.provider_name`, errors);
      if (provider === undefined) return NOTHING;
      return {
        kind: "provider",
        provider,
        audiences: audiences.length === 0 ? undefined : audiences,
      };
    }
    case "requiresAny":
    case "requiresAll": {
      const isAny = type.case === "requiresAny";
      const at = `${path}.${isAny ? "requires_any" : "requires_all"}.requirements`;
      const { requirements } = type.value;
      if (requirements.length < 2) errors.push({ path: at, message: "at least two are required" });
      if (depth === DEPTH_MAX) {
        errors.push({ path: at, message: `nests deeper than ${DEPTH_MAX}` });
        return NOTHING;
      }
      const beside = isAny ? namedIn(requirements, providers) : [];
      const parts = requirements.map((requirement, index) =>
        compileJwtRequirement(requirement, providers, `${at}[${index}]`, errors, beside, depth + 1),
      );
      return { kind: isAny ? "any" : "all", parts };
    }
    case "allowMissing":
    case "allowMissingOrFailed":
      return {
        kind: type.case === "allowMissing" ? "missing" : "failed",
        providers: siblings.length === 0 ? [...providers.values()] : siblings,
      };
    default:
      return NOTHING;
  }
}

function namedIn(
  requirements: readonly JwtRequirementMessage[],
  providers: JwtProviders,
): readonly JwtProvider[] {
  return requirements.flatMap(({ requiresType: type }) => {
    const name =
      type.case === "providerName"
        ? type.value
        : type.case === "providerAndAudiences"
          ? type.value.providerName
          : "";
    const provider = providers.get(name);
    return provider === undefined ? [] : [provider];
  });
}

function providerNamed(
  name: string,
  providers: JwtProviders,
  path: string,
  errors: FieldError[],
): JwtProvider | undefined {
  const provider = providers.get(name);
  if (provider === undefined) {
    const known = [...providers.keys()].join(", ") || "there are none";
    errors.push({ path, message: `there is no provider "${name}" (${known})` });
  }
  return provider;
}
