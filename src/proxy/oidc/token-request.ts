/** Requests to a provider's token endpoint (RFC 6749 section 3.2), by a cluster of the gateway's own. */
import { Buffer } from "node:buffer";
import type { OidcLogin } from "../../decision/filters/oidc-rule.ts";
import { parseJsonObject } from "../../decision/jwt/strict-json.ts";
import { readTokenAnswer, type TokenAnswer } from "../../decision/oidc/records.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_LENGTH, RequestHead } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { FilterServices } from "../filters/filter-services.ts";
import { HttpCall, type HttpCallHandler } from "../http-call.ts";

/** Tokens with many claims are some kilobytes; nobody needs more. */
const ANSWER_BYTES_MAX = 256 * 1024;
const FORM = new HeaderField(new HeaderName("content-type"), "application/x-www-form-urlencoded");
const ACCEPT = new HeaderField(new HeaderName("accept"), "application/json");
const AUTHORIZATION = new HeaderName("authorization");

/** Told once. */
export interface TokenHandler {
  onTokens(answer: TokenAnswer): void;
  /** `isRefused`: the provider has said no, and would say so again. */
  onNoTokens(reason: string, isRefused: boolean): void;
}

/** Why it was not sent, if it was not: the handler is told nothing then. */
export function requestTokens(
  login: OidcLogin,
  secret: string,
  fields: Readonly<Record<string, string>>,
  { clusters, nowMs, timers, faults }: FilterServices,
  handler: TokenHandler,
): HttpCall | string {
  const cluster = clusters.get(login.cluster);
  if (cluster === undefined) return `there is no cluster ${login.cluster}`;
  const form = new URLSearchParams(fields);
  const head = new RequestHead();
  head.method = "POST";
  head.headers.add(FORM);
  head.headers.add(ACCEPT);
  if (login.isSecretInBody) {
    form.set("client_id", login.clientId);
    form.set("client_secret", secret);
  } else {
    // RFC 6749 section 2.3.1: both are encoded as in a form before they are joined.
    const pair = `${encodeURIComponent(login.clientId)}:${encodeURIComponent(secret)}`;
    const basic = `Basic ${Buffer.from(pair).toString("base64")}`;
    head.headers.add(new HeaderField(AUTHORIZATION, basic, true));
  }
  const body = Buffer.from(form.toString());
  head.bodyKind = BODY_LENGTH;
  head.contentLength = body.length;
  const call = new HttpCall(
    {
      ...{ cluster, head, body, nowMs, timers, faults },
      target: login.tokenTarget,
      authority: login.tokenAuthority,
      timeoutMs: login.timeoutMs,
      replyBytesMax: ANSWER_BYTES_MAX,
    },
    new TokenReply(handler),
  );
  return call.start() ?? call;
}

class TokenReply implements HttpCallHandler {
  readonly #handler: TokenHandler;
  #status = 0;

  constructor(handler: TokenHandler) {
    this.#handler = handler;
  }

  onReplyHead({ status }: ResponseHead): void {
    this.#status = status;
  }

  onReply(body: Buffer): void {
    const map = parseJsonObject(body);
    if (this.#status === 200) {
      const answer = readTokenAnswer(map);
      if (answer === undefined) this.#handler.onNoTokens("its answer is no JSON object", false);
      else this.#handler.onTokens(answer);
      return;
    }
    const error = map?.get("error");
    // RFC 6749 section 5.2: the code is of a few characters; anything else is not repeated.
    const code = typeof error === "string" && /^[\w.-]{1,64}$/.test(error) ? ` ${error}` : "";
    const isRefused = this.#status >= 400 && this.#status < 500 && this.#status !== 429;
    this.#handler.onNoTokens(`it answered ${this.#status}${code}`, isRefused);
  }

  onCallFailure(reason: string): void {
    this.#handler.onNoTokens(reason, false);
  }
}
