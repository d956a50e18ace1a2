/** Answers that a login gives by itself: the ways to the provider and back, and what went wrong. */
import { createHash, randomBytes } from "node:crypto";
import type { OidcLogin } from "../../decision/filters/oidc-rule.ts";
import type { PendingLogin } from "../../decision/oidc/records.ts";
import { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import type { FilterCall } from "../filters/http-filter.ts";
import { TEXT_PLAIN } from "../own-answer-headers.ts";
import type { RoutedRequest } from "../routed-request.ts";
import { LOGIN_MS_MAX } from "./login-cookies.ts";

const LOCATION = new HeaderName("location");
/** RFC 6749 section 5.1, and so that no cache gives one browser's login to another. */
const NO_STORE = new HeaderField(new HeaderName("cache-control"), "no-store");
/** Where the page that was asked for is longer, the login ends at the root. */
const TARGET_LENGTH_MAX = 2_000;

/** Scheme and host at which this login happens. */
export function originOf(login: OidcLogin, request: RoutedRequest): string {
  return login.origin === "" ? `https://${request.authority}` : login.origin;
}

export function redirectUriOf(login: OidcLogin, request: RoutedRequest): string {
  return originOf(login, request) + login.redirectPath;
}

export function newLogin(request: RoutedRequest, nowMs: number): PendingLogin {
  const target = request.path + request.search;
  return {
    state: randomBytes(24).toString("base64url"),
    nonce: randomBytes(24).toString("base64url"),
    verifier: randomBytes(32).toString("base64url"),
    target: target.length > TARGET_LENGTH_MAX ? "/" : target,
    expiresAtMs: nowMs + LOGIN_MS_MAX,
  };
}

/** OpenID Connect Core 1.0 section 3.1.2.1, with PKCE (RFC 7636 section 4.3). */
export function authorizationUrl(
  login: OidcLogin,
  request: RoutedRequest,
  { state, nonce, verifier }: PendingLogin,
): string {
  return withParameters(login.authorizationEndpoint, {
    response_type: "code",
    client_id: login.clientId,
    redirect_uri: redirectUriOf(login, request),
    scope: login.scope,
    state,
    nonce,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
}

/** OpenID Connect RP-Initiated Logout 1.0 section 2. */
export function logoutUrl(login: OidcLogin, request: RoutedRequest, idToken: string): string {
  const home = `${originOf(login, request)}/`;
  if (login.endSessionEndpoint === "") return home;
  return withParameters(login.endSessionEndpoint, {
    client_id: login.clientId,
    post_logout_redirect_uri: home,
    ...(idToken === "" ? {} : { id_token_hint: idToken }),
  });
}

/** `headers` may hold cookies already. */
export function redirect(
  call: FilterCall,
  details: string,
  location: string,
  headers: HeaderBlock,
): void {
  headers.add(new HeaderField(LOCATION, location));
  headers.add(NO_STORE);
  call.answerWith(302, details, headers, "");
}

export function refuse(
  call: FilterCall,
  status: number,
  details: string,
  text: string,
  headers = new HeaderBlock(),
): void {
  headers.add(TEXT_PLAIN);
  headers.add(NO_STORE);
  call.outcome.failureReason = text;
  call.answerWith(status, details, headers, `${text}\n`);
}

function withParameters(url: string, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(parameters).toString();
  return `${url}${url.includes("?") ? "&" : "?"}${query}`;
}
