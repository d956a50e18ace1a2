/** Envoy's JwtProvider, compiled: where the tokens of an issuer are looked for, what is asked of them, what they leave. */
import { Buffer } from "node:buffer";
import { toBinary } from "@bufbuild/protobuf";
import { JWT_CACHE_TOKENS, JWT_CACHE_TOKENS_MAX } from "../../core/limits.ts";
import {
  type JwtProvider as JwtProviderMessage,
  JwtProviderSchema,
} from "../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js";
import { HeaderName } from "../../http/header-field.ts";
import { compileDuration } from "../duration.ts";
import type { FieldError } from "../field-error.ts";
import type { VerificationKey } from "../jwt/json-web-key.ts";
import { parseKeySet } from "../jwt/json-web-key-set.ts";
import type { TokenOutput } from "../jwt/token-output.ts";
import type { TokenRules } from "../jwt/token-verifier.ts";
import { compileStringMatcher } from "../string-matcher.ts";

export interface JwtProvider {
  readonly name: string;
  readonly rules: TokenRules;
  readonly places: TokenPlaces;
  /** The token goes on to the app. */
  readonly isForwarded: boolean;
  /** Routes may look at what the token leaves: they are asked again. */
  readonly choosesRoute: boolean;
  /** Equal for providers that ask and leave the same. */
  readonly key: string;
}

/** Where a token may stand. In more than one of them at a time it is refused. */
export interface TokenPlaces {
  readonly headers: readonly TokenHeader[];
  readonly params: readonly string[];
  readonly cookies: readonly string[];
}

export interface TokenHeader {
  readonly name: HeaderName;
  /** What stands before the token. Schemes of Authorization are read in any case (RFC 9110 section 11.1). */
  readonly prefix: string;
}

const AUTHORIZATION = new HeaderName("authorization");
const BEARER = "Bearer ";
/** RFC 6750 section 2.3. */
const ACCESS_TOKEN = "access_token";
/** Envoy's. */
const SKEW_S = 60;

export function compileJwtProvider(
  name: string,
  message: JwtProviderMessage,
  path: string,
  errors: FieldError[],
): JwtProvider {
  const { subjects, jwtCacheConfig } = message;
  const lifetimeMs = compileDuration(message.maxLifetime, `${path}.max_lifetime`, errors);
  const cacheSizeMax = jwtCacheConfig?.jwtCacheSize || JWT_CACHE_TOKENS;
  if (cacheSizeMax > JWT_CACHE_TOKENS_MAX) {
    const text = `${cacheSizeMax} are too many tokens, ${JWT_CACHE_TOKENS_MAX} are allowed`;
    errors.push({ path: `${path}.jwt_cache_config.jwt_cache_size`, message: text });
  }
  return {
    name,
    rules: {
      issuer: message.issuer,
      audiences: message.audiences,
      subjects: subjects && compileStringMatcher(subjects, `${path}.subjects`, errors),
      requiresExpiry: message.requireExpiration || message.maxLifetime !== undefined,
      lifetimeMsMax: lifetimeMs ?? 0,
      skewMs: (message.clockSkewSeconds || SKEW_S) * 1_000,
      keys: compileKeys(message, path, errors),
      cacheSizeMax,
      output: compileOutput(message, path, errors),
    },
    places: compilePlaces(message, path, errors),
    isForwarded: message.forward,
    choosesRoute: message.clearRouteCache,
    key: Buffer.from(toBinary(JwtProviderSchema, message)).toString("base64"),
  };
}

function compileKeys(
  { jwksSourceSpecifier: source }: JwtProviderMessage,
  path: string,
  errors: FieldError[],
): readonly VerificationKey[] {
  // The walk over unsupported fields has refused it, and says what to do.
  if (source.case === "remoteJwks") return [];
  const specifier = source.case === "localJwks" ? source.value.specifier : undefined;
  if (specifier?.case !== "inlineString" && specifier?.case !== "inlineBytes") {
    const message = "one of inline_string, inline_bytes is required";
    errors.push({ path: `${path}.local_jwks`, message });
    return [];
  }
  const set = parseKeySet(specifier.value);
  if (set.kind === "keys") return set.keys;
  errors.push({ path: `${path}.local_jwks`, message: `no JSON Web Key Set: ${set.message}` });
  return [];
}

function compileOutput(
  message: JwtProviderMessage,
  path: string,
  errors: FieldError[],
): TokenOutput {
  const { forwardPayloadHeader: payload } = message;
  const payloadName = compileName(payload, `${path}.forward_payload_header`, errors);
  return {
    payloadKey: message.payloadInMetadata,
    headerKey: message.headerInMetadata,
    spacedClaims: message.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    payloadField:
      payload === "" ? undefined : { name: payloadName, isPadded: message.padForwardPayloadHeader },
    claimFields: message.claimToHeaders.map(({ headerName, claimName }, index) => {
      const at = `${path}.claim_to_headers[${index}]`;
      if (claimName === "") errors.push({ path: `${at}.claim_name`, message: "is required" });
      if (headerName === "") errors.push({ path: `${at}.header_name`, message: "is required" });
      return { name: compileName(headerName, `${at}.header_name`, errors), claim: claimName };
    }),
  };
}

function compilePlaces(
  { fromHeaders, fromParams, fromCookies }: JwtProviderMessage,
  path: string,
  errors: FieldError[],
): TokenPlaces {
  const isSaid = fromHeaders.length + fromParams.length + fromCookies.length > 0;
  if (!isSaid) {
    return {
      headers: [{ name: AUTHORIZATION, prefix: BEARER }],
      params: [ACCESS_TOKEN],
      cookies: [],
    };
  }
  const headers = fromHeaders.map(({ name, valuePrefix }, index) => {
    const at = `${path}.from_headers[${index}].name`;
    if (name === "") errors.push({ path: at, message: "is required" });
    return { name: compileName(name, at, errors), prefix: valuePrefix };
  });
  for (const [field, names] of [
    ["from_params", fromParams],
    ["from_cookies", fromCookies],
  ] as const) {
    for (const [index, name] of names.entries()) {
      if (/^[!#$%'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) continue;
      errors.push({ path: `${path}.${field}[${index}]`, message: `"${name}" is no such name` });
    }
  }
  return { headers, params: fromParams, cookies: fromCookies };
}

function compileName(name: string, path: string, errors: FieldError[]): HeaderName {
  if (name !== "" && !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    errors.push({ path, message: `"${name}" is not a header name` });
  }
  return new HeaderName(name);
}
