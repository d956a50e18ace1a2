/**
 * One login of a gateway: lets requests with a session pass, refreshes sessions, sends browsers to the provider and takes
 * them back. What a session is stands in the browser's cookies, so that every gateway with the same secret knows it.
 */
import { timingSafeEqual } from "node:crypto";
import { mergeMetadata } from "../../decision/dynamic-metadata.ts";
import type { OidcLogin } from "../../decision/filters/oidc-rule.ts";
import type { JwtFailure } from "../../decision/jwt/failure.ts";
import { type KnownToken, TokenVerifier } from "../../decision/jwt/token-verifier.ts";
import type { PendingLogin, Session, TokenAnswer } from "../../decision/oidc/records.ts";
import { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { guarded } from "../callback-faults.ts";
import type { FilterServices } from "../filters/filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type ResponseEditor,
  WAITS,
} from "../filters/http-filter.ts";
import { LoginCookies } from "./login-cookies.ts";
import {
  authorizationUrl,
  logoutUrl,
  newLogin,
  originOf,
  redirect,
  redirectUriOf,
  refuse,
} from "./login-page.ts";
import type { OidcMetrics } from "./oidc-metrics.ts";
import { Refreshes, type RefreshResult, refreshKeyOf } from "./refreshes.ts";
import { sealingKey } from "./sealed-text.ts";
import { SecretFile } from "./secret-file.ts";
import type { RefreshClaim, SharedRefreshes } from "./shared-refreshes.ts";
import { requestTokens } from "./token-request.ts";

const AUTHORIZATION = new HeaderName("authorization");
/** As `newLogin` makes them. */
const STATE = /^[A-Za-z0-9_-]{32}$/;

export class LoginGate {
  readonly #login: OidcLogin;
  readonly #services: FilterServices;
  readonly #metrics: OidcMetrics;
  readonly #secret: SecretFile;
  readonly #verifier: TokenVerifier;
  readonly #refreshes = new Refreshes();
  #cookies: LoginCookies | undefined;
  #cookiesSecret = "";

  constructor(login: OidcLogin, services: FilterServices) {
    this.#login = login;
    this.#services = services;
    this.#metrics = services.metrics.oidc;
    this.#secret = new SecretFile(login.clientSecretFile, services.wallMs);
    this.#verifier = new TokenVerifier(login.tokenRules);
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { request } = call;
    const cookies = this.#currentCookies();
    if (cookies === undefined) {
      // Nobody passes who could not have logged in.
      refuse(
        call,
        503,
        "oidc_no_secret",
        "logins are not possible: the client's secret cannot be read",
      );
      return ANSWERED;
    }
    const origin = originOf(this.#login, request);
    if (`${request.scheme}://${request.authority}` !== origin) return this.#moveTo(call, origin);
    if (request.path === this.#login.redirectPath) return this.#comeBack(call, cookies);
    const values = request.headerValues("cookie");
    const session = cookies.session(values);
    if (request.path === this.#login.logoutPath) return this.#logOut(call, cookies, session);
    if (session === undefined) return this.#ask(call, cookies);
    if (this.#services.wallMs() < session.expiresAtMs) return this.#enter(call, cookies, session);
    return this.#refresh(call, cookies, session);
  }

  /** The key follows the secret: when that changes, all log in anew. */
  #currentCookies(): LoginCookies | undefined {
    const secret = this.#secret.text;
    if (secret === undefined) return undefined;
    if (secret !== this.#cookiesSecret) {
      const { name, clientId } = this.#login;
      this.#cookies = new LoginCookies(name, sealingKey(secret, `${name} ${clientId}`));
      this.#cookiesSecret = secret;
    }
    return this.#cookies;
  }

  /** Cookies are those of one host, with TLS. */
  #moveTo(call: FilterCall, origin: string): FilterVerdict {
    const { request } = call;
    if (!isNavigation(call)) return this.#deny(call);
    redirect(call, "oidc_other_origin", origin + request.path + request.search, new HeaderBlock());
    return ANSWERED;
  }

  #ask(call: FilterCall, cookies: LoginCookies): FilterVerdict {
    if (!isNavigation(call)) return this.#deny(call);
    this.#metrics.begun.value += 1;
    const { request } = call;
    const login = newLogin(request, this.#services.wallMs());
    const headers = new HeaderBlock();
    const values = request.headerValues("cookie");
    cookies.clearSession(values, headers);
    cookies.clearPendingOverflow(values, headers);
    cookies.setPending(login, headers);
    redirect(call, "oidc_login", authorizationUrl(this.#login, request, login), headers);
    return ANSWERED;
  }

  /** A script or a program cannot log in: it is told so rather than sent to a page. */
  #deny(call: FilterCall): FilterVerdict {
    this.#metrics.denied.value += 1;
    refuse(call, 401, "oidc_no_session", "log in with a browser first: there is no session");
    return ANSWERED;
  }

  #enter(call: FilterCall, cookies: LoginCookies, session: Session): FilterVerdict {
    const known = this.#known(session.idToken);
    // Keys that are gone, or a policy that names others: whoever comes logs in anew.
    if (known.kind === "failure") return this.#ask(call, cookies);
    this.#pass(call, cookies, session, known);
    return GO_ON;
  }

  #known(idToken: string): KnownToken | JwtFailure {
    const nowMs = this.#services.wallMs();
    return (
      this.#verifier.known(idToken, nowMs, undefined) ??
      this.#verifier.verify(idToken, nowMs, undefined)
    );
  }

  /** The app and the filters behind see the user, and nothing that only the gateway needs. */
  #pass(call: FilterCall, cookies: LoginCookies, session: Session, known: KnownToken): void {
    const { request } = call;
    const { headers } = request.head!;
    const { claimFields } = this.#login.tokenRules.output;
    for (let i = 0; i < claimFields.length; i++) headers.remove(claimFields[i]!.name);
    for (let i = 0; i < known.fields.length; i++) headers.add(known.fields[i]!);
    request.token = known.token;
    if (known.metadata !== undefined) {
      request.metadata = mergeMetadata(request.metadata, known.metadata);
    }
    cookies.hideFrom(headers, request.headerValues("cookie"));
    if (this.#login.forwardsAccessToken && session.accessToken !== "") {
      headers.set(new HeaderField(AUTHORIZATION, `Bearer ${session.accessToken}`, true));
    }
  }

  #logOut(call: FilterCall, cookies: LoginCookies, session: Session | undefined): FilterVerdict {
    const { request } = call;
    const headers = new HeaderBlock();
    cookies.clearSession(request.headerValues("cookie"), headers);
    this.#metrics.loggedOut.value += 1;
    redirect(call, "oidc_logout", logoutUrl(this.#login, request, session?.idToken ?? ""), headers);
    return ANSWERED;
  }

  #refresh(call: FilterCall, cookies: LoginCookies, session: Session): FilterVerdict {
    const { refreshToken } = session;
    if (refreshToken === "" || !this.#login.refreshes) return this.#ask(call, cookies);
    const nowMs = this.#services.wallMs();
    const waiter = guarded(call.faults, (result: Session | undefined) => {
      const verdict = this.#enterRefreshed(call, cookies, result);
      if (verdict === GO_ON) call.proceed();
    });
    const joined = this.#refreshes.join(refreshToken, nowMs, waiter);
    if (joined === "none") {
      this.#refreshes.begin(refreshToken, waiter);
      const { sharedRefreshes } = this.#services;
      if (sharedRefreshes !== undefined) this.#claimRefresh(call, session, sharedRefreshes);
      else if (!this.#sendRefresh(session)) {
        this.#refreshes.giveUp(refreshToken);
        return this.#enterRefreshed(call, cookies, undefined);
      }
    } else if (joined !== "waiting") {
      return this.#enterRefreshed(call, cookies, joined.session);
    }
    call.waitFor({ cancel: () => this.#refreshes.leave(refreshToken, waiter) });
    return WAITS;
  }

  /** Another worker may be at it. */
  #claimRefresh(call: FilterCall, session: Session, shared: SharedRefreshes): void {
    const { refreshToken } = session;
    const onClaim = guarded(call.faults, (claim: RefreshClaim) => {
      if (claim.kind === "done") {
        const isFinal = claim.session !== undefined;
        this.#refreshes.end(refreshToken, claim.session, this.#services.wallMs(), isFinal);
      } else if (!this.#sendRefresh(session)) this.#endRefresh(refreshToken, undefined, false);
    });
    shared.claim(refreshKeyOf(refreshToken), onClaim);
  }

  /** Tells all who wait, in this process and the others. */
  #endRefresh(refreshToken: string, session: RefreshResult, isFinal: boolean): void {
    const { sharedRefreshes, wallMs } = this.#services;
    sharedRefreshes?.end({ key: refreshKeyOf(refreshToken), session, isFinal });
    this.#refreshes.end(refreshToken, session, wallMs(), isFinal);
  }

  /** False when it was not sent. */
  #sendRefresh(session: Session): boolean {
    const { refreshToken } = session;
    const fields = { grant_type: "refresh_token", refresh_token: refreshToken };
    const end = (next: Session | undefined, isFinal: boolean): void => {
      this.#metrics[next === undefined ? "refreshFailed" : "refreshed"].value += 1;
      this.#endRefresh(refreshToken, next, isFinal);
    };
    const sent = requestTokens(this.#login, this.#cookiesSecret, fields, this.#services, {
      onTokens: (answer) => {
        // OpenID Connect Core 1.0 section 12.2: an ID token need not come; the same user's it must be.
        const next = this.#sessionOf({ ...answer, idToken: answer.idToken || session.idToken });
        const isSame = next?.subject === session.subject;
        const kept = next?.refreshToken === "" ? { ...next, refreshToken } : next;
        end(isSame ? kept : undefined, true);
      },
      onNoTokens: (_reason, isRefused) => end(undefined, isRefused),
    });
    return typeof sent !== "string";
  }

  #enterRefreshed(
    call: FilterCall,
    cookies: LoginCookies,
    session: Session | undefined,
  ): FilterVerdict {
    const known = session === undefined ? undefined : this.#known(session.idToken);
    if (session === undefined || known?.kind !== "token") return this.#ask(call, cookies);
    const fields = new HeaderBlock();
    if (!cookies.setSession(session, fields)) return this.#ask(call, cookies);
    call.editResponse(new AddedFields(fields));
    this.#pass(call, cookies, session, known);
    return GO_ON;
  }

  /** Undefined for an ID token that is not good. */
  #sessionOf(answer: TokenAnswer): Session | undefined {
    const known = this.#known(answer.idToken);
    if (known.kind === "failure") return undefined;
    const { forwardsAccessToken } = this.#login;
    const { expiresAtMs } = known.token;
    const nowMs = this.#services.wallMs();
    const accessEndsAtMs =
      forwardsAccessToken && answer.expiresInS !== undefined
        ? nowMs + answer.expiresInS * 1000
        : expiresAtMs;
    return {
      idToken: answer.idToken,
      accessToken: forwardsAccessToken ? answer.accessToken : "",
      refreshToken: this.#login.refreshes ? answer.refreshToken : "",
      subject: known.token.subject,
      expiresAtMs: Math.min(expiresAtMs, accessEndsAtMs),
    };
  }

  /** The provider has sent the browser back (OpenID Connect Core 1.0 section 3.1.2.5). */
  #comeBack(call: FilterCall, cookies: LoginCookies): FilterVerdict {
    const { request } = call;
    const query = new URLSearchParams(request.query);
    const state = query.get("state") ?? "";
    if (!STATE.test(state)) {
      return this.#fail(
        call,
        400,
        "oidc_no_state",
        "this is no answer to a login: it has no state",
      );
    }
    const pending = cookies.pending(request.headerValues("cookie"), state);
    if (pending === undefined || !isEqual(pending.state, state) || this.#isOver(pending)) {
      const text = "this login was not begun in this browser, or is over; open the page again";
      return this.#fail(call, 400, "oidc_unknown_state", text);
    }
    const headers = new HeaderBlock();
    cookies.clearPending(state, headers);
    const error = query.get("error");
    if (error !== null) {
      const code = /^[\w.-]{1,64}$/.test(error) ? error : "an error";
      const text = `the identity provider answered ${code}; open the page again to try once more`;
      return this.#fail(call, 403, "oidc_provider_error", text, headers);
    }
    // RFC 9207 section 2.4: an answer of another provider.
    const issuer = query.get("iss");
    if (issuer !== null && issuer !== this.#login.tokenRules.issuer) {
      return this.#fail(call, 400, "oidc_other_issuer", "another provider answered", headers);
    }
    const code = query.get("code") ?? "";
    if (code === "") {
      return this.#fail(call, 400, "oidc_no_code", "the answer to the login has no code", headers);
    }
    return this.#exchange(call, cookies, { code, pending, headers });
  }

  #exchange(
    call: FilterCall,
    cookies: LoginCookies,
    { code, pending, headers }: CodeExchange,
  ): FilterVerdict {
    const fields = {
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUriOf(this.#login, call.request),
      code_verifier: pending.verifier,
    };
    const onTokens = guarded(call.faults, (answer: TokenAnswer) =>
      this.#complete(call, cookies, { answer, pending, headers }),
    );
    const onNoTokens = guarded(call.faults, (reason: string, isRefused: boolean) => {
      const text = `the identity provider gave no tokens: ${reason}`;
      this.#fail(call, isRefused ? 401 : 502, "oidc_no_tokens", text, headers);
    });
    const handler = { onTokens, onNoTokens };
    const sent = requestTokens(this.#login, this.#cookiesSecret, fields, this.#services, handler);
    if (typeof sent === "string") {
      const text = `the identity provider cannot be asked: ${sent}`;
      return this.#fail(call, 503, "oidc_no_provider", text, headers);
    }
    call.waitFor(sent);
    return WAITS;
  }

  #complete(call: FilterCall, cookies: LoginCookies, completion: Completion): void {
    const { headers, pending } = completion;
    const fault = this.#completionFault(cookies, completion);
    if (fault !== undefined) {
      this.#fail(call, 401, "oidc_bad_tokens", fault, headers);
      return;
    }
    this.#metrics.completed.value += 1;
    redirect(call, "oidc_logged_in", originOf(this.#login, call.request) + pending.target, headers);
  }

  /** Puts the session into `headers`, or says what is wrong with it. */
  #completionFault(
    cookies: LoginCookies,
    { answer, pending, headers }: Completion,
  ): string | undefined {
    const known = this.#known(answer.idToken);
    if (known.kind === "failure") return `the ID token is not good: ${known.message}`;
    const { claims } = known.token;
    const nonce = claims.get("nonce");
    if (typeof nonce !== "string" || !isEqual(nonce, pending.nonce)) {
      return "the ID token is another login's: its nonce differs";
    }
    // OpenID Connect Core 1.0 section 3.1.3.7, rules 4 and 5.
    const party = claims.get("azp");
    if (party !== undefined && party !== this.#login.clientId) {
      return "the ID token is for another client";
    }
    const session = this.#sessionOf(answer);
    const isKept = session !== undefined && cookies.setSession(session, headers);
    return isKept ? undefined : "the tokens are too long for cookies";
  }

  #isOver({ expiresAtMs }: PendingLogin): boolean {
    return this.#services.wallMs() >= expiresAtMs;
  }

  #fail(
    call: FilterCall,
    status: number,
    details: string,
    text: string,
    headers?: HeaderBlock,
  ): FilterVerdict {
    this.#metrics.failed.value += 1;
    refuse(call, status, details, text, headers);
    return ANSWERED;
  }
}

interface CodeExchange {
  readonly code: string;
  readonly pending: PendingLogin;
  readonly headers: HeaderBlock;
}

interface Completion {
  readonly answer: TokenAnswer;
  readonly pending: PendingLogin;
  readonly headers: HeaderBlock;
}

class AddedFields implements ResponseEditor {
  readonly #fields: HeaderBlock;

  constructor(fields: HeaderBlock) {
    this.#fields = fields;
  }

  editResponse(_status: number, headers: HeaderBlock): void {
    this.#fields.forEach((name, value) => {
      headers.add(new HeaderField(new HeaderName(name), value, true));
    });
  }
}

/** A person opens a page. Browsers say so (Fetch Metadata); programs that do not are taken by their method. */
function isNavigation({ request }: FilterCall): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const mode = request.header("sec-fetch-mode");
  return !request.isForTunnel && (mode === undefined || mode === "navigate");
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
