/**
 * A login by OpenID Connect, compiled. Envoy's oauth2 filter knows neither nonce nor the keys of ID tokens: the settings
 * are a TypedStruct of ours, in an entry that is not optional, so that Envoy refuses the listener rather than letting
 * everybody in.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { JWT_CACHE_TOKENS_MAX } from "../../core/limits.ts";
import { HeaderName } from "../../http/header-field.ts";
import type { FieldError } from "../field-error.ts";
import { parseKeySet } from "../jwt/json-web-key-set.ts";
import type { TokenRules } from "../jwt/token-verifier.ts";
import { JWT_PAYLOAD } from "../verified-token.ts";
import { listIn, refuseUnknownFields, structOf } from "./typed-struct.ts";

export const OIDC_TYPE_URL = "type.googleapis.com/tulle.filters.http.oidc.v1.Oidc";

export interface OidcRule {
  readonly kind: "oidc";
  /** Undefined for the listener's part of logins that only routes ask for. */
  readonly login: OidcLogin | ClosedLogin | undefined;
}

/** Nobody passes: translation of the policy of this name failed, and it asked for logins. */
export interface ClosedLogin {
  readonly kind: "closed";
  readonly name: string;
}

export interface OidcLogin {
  readonly kind: "login";
  /** Of the policy: `default/staff`. Sessions are those of one policy. */
  readonly name: string;
  readonly clientId: string;
  readonly clientSecretFile: string;
  /** The secret is sent in the body rather than in Authorization. */
  readonly isSecretInBody: boolean;
  readonly authorizationEndpoint: string;
  /** "" for none. */
  readonly endSessionEndpoint: string;
  /** Host, and path with query, of the token endpoint, and the cluster by which it is reached. */
  readonly tokenAuthority: string;
  readonly tokenTarget: string;
  readonly cluster: string;
  readonly timeoutMs: number;
  /** Scheme and host that logins happen at; "" for those of each request. */
  readonly origin: string;
  readonly redirectPath: string;
  readonly logoutPath: string;
  readonly scope: string;
  readonly forwardsAccessToken: boolean;
  readonly refreshes: boolean;
  /** What an ID token must be, and what it leaves. */
  readonly tokenRules: TokenRules;
}

const FIELDS = [
  ...["name", "client_id", "client_secret_file", "secret_in_body", "authorization_endpoint"],
  ...["end_session_endpoint", "token_endpoint", "cluster", "timeout_ms", "redirect_url"],
  ...["redirect_path", "logout_path", "scopes", "forward_access_token", "refresh", "issuer"],
  ...["jwks", "claim_to_headers"],
];
/** As for every token: clocks may differ by so much. */
const SKEW_MS = 60_000;

/** Undefined for other messages. */
export function compileOidc(config: Any, path: string, errors: FieldError[]): OidcRule | undefined {
  const struct = structOf(config, OIDC_TYPE_URL);
  if (struct === undefined) return undefined;
  if (Object.keys(struct).length === 0) return { kind: "oidc", login: undefined };
  if ("closed" in struct) return { kind: "oidc", login: closedLogin(struct, path, errors) };
  refuseUnknownFields(struct, FIELDS, path, errors);
  const text = (name: string): string => textIn(struct, name, path, errors);
  const token = urlIn(struct, "token_endpoint", path, errors);
  const redirectUrl = optionalText(struct["redirect_url"]);
  const redirect = redirectUrl === "" ? undefined : urlIn(struct, "redirect_url", path, errors);
  urlIn(struct, "authorization_endpoint", path, errors);
  const timeout = struct["timeout_ms"];
  return {
    kind: "oidc",
    login: {
      kind: "login",
      name: text("name"),
      clientId: text("client_id"),
      clientSecretFile: text("client_secret_file"),
      isSecretInBody: struct["secret_in_body"] === true,
      authorizationEndpoint: text("authorization_endpoint"),
      endSessionEndpoint: optionalText(struct["end_session_endpoint"]),
      tokenAuthority: token?.host ?? "",
      tokenTarget: token === undefined ? "/" : token.pathname + token.search,
      cluster: text("cluster"),
      timeoutMs: typeof timeout === "number" && timeout > 0 ? timeout : 10_000,
      origin: redirect?.origin ?? "",
      redirectPath: redirect?.pathname ?? text("redirect_path"),
      logoutPath: text("logout_path"),
      scope: ["openid", ...textsIn(struct, "scopes", path, errors)].join(" "),
      forwardsAccessToken: struct["forward_access_token"] === true,
      refreshes: struct["refresh"] === true,
      tokenRules: tokenRules(struct, path, errors),
    },
  };
}

function closedLogin(struct: JsonObject, path: string, errors: FieldError[]): ClosedLogin {
  refuseUnknownFields(struct, ["name", "closed"], path, errors);
  if (struct["closed"] !== true) {
    errors.push({ path: `${path}.value.closed`, message: "must be true, or not be there" });
  }
  return { kind: "closed", name: textIn(struct, "name", path, errors) };
}

function tokenRules(struct: JsonObject, path: string, errors: FieldError[]): TokenRules {
  const set = parseKeySet(optionalText(struct["jwks"]));
  if (set.kind !== "keys") {
    errors.push({ path: `${path}.value.jwks`, message: `no JSON Web Key Set: ${set.message}` });
  }
  return {
    issuer: textIn(struct, "issuer", path, errors),
    audiences: [textIn(struct, "client_id", path, errors)],
    subjects: undefined,
    requiresExpiry: true,
    lifetimeMsMax: 0,
    skewMs: SKEW_MS,
    keys: set.kind === "keys" ? set.keys : [],
    cacheSizeMax: JWT_CACHE_TOKENS_MAX / 10,
    output: {
      payloadKey: JWT_PAYLOAD,
      headerKey: "",
      spacedClaims: ["scope", "permission"],
      payloadField: undefined,
      claimFields: listIn(struct, "claim_to_headers", path, errors).map((item) => {
        const field = item as JsonObject;
        return {
          name: new HeaderName(optionalText(field["header"])),
          claim: optionalText(field["claim"]),
        };
      }),
    },
  };
}

function textIn(struct: JsonObject, name: string, path: string, errors: FieldError[]): string {
  const value = optionalText(struct[name]);
  if (value === "") errors.push({ path: `${path}.value.${name}`, message: "is required" });
  return value;
}

function optionalText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsIn(struct: JsonObject, name: string, path: string, errors: FieldError[]) {
  return listIn(struct, name, path, errors).map(optionalText);
}

function urlIn(
  struct: JsonObject,
  name: string,
  path: string,
  errors: FieldError[],
): URL | undefined {
  const url = URL.parse(optionalText(struct[name]));
  if (url?.protocol === "https:" || url?.protocol === "http:") return url;
  errors.push({ path: `${path}.value.${name}`, message: "must be an http or https URL" });
  return undefined;
}
