/**
 * Verifies the tokens of one issuer: form, issuer, time, audience, then the signature, in Envoy's order, the cheap checks
 * first. A token that was verified once is known by its bytes until it expires; what its user may do is asked each time.
 */
import { Buffer } from "node:buffer";
import type { HeaderField } from "../../http/header-field.ts";
import type { DynamicMetadata } from "../dynamic-metadata.ts";
import type { StringTest } from "../string-matcher.ts";
import type { VerifiedToken } from "../verified-token.ts";
import { registeredClaims, timeFailure } from "./claims.ts";
import { type CompactJws, parseCompactJws } from "./compact-jws.ts";
import { JWT_FAILURE, type JwtFailure } from "./failure.ts";
import type { VerificationKey } from "./json-web-key.ts";
import { signatureFailure } from "./signature-check.ts";
import { parseJsonObject } from "./strict-json.ts";
import { TokenCache } from "./token-cache.ts";
import { type TokenOutput, tokenFields, tokenMetadata } from "./token-output.ts";

/** What a provider asks of its tokens. */
export interface TokenRules {
  /** "" accepts every issuer, and none. */
  readonly issuer: string;
  /** Empty: any audience, and none. */
  readonly audiences: readonly string[];
  /** Undefined: any subject. */
  readonly subjects: StringTest | undefined;
  readonly requiresExpiry: boolean;
  /** From now to the expiry. 0: no bound. */
  readonly lifetimeMsMax: number;
  readonly skewMs: number;
  readonly keys: readonly VerificationKey[];
  readonly cacheSizeMax: number;
  readonly output: TokenOutput;
}

/** A token with all that is made of it once. */
export interface KnownToken {
  readonly kind: "token";
  readonly token: VerifiedToken;
  readonly notBeforeMs: number;
  /** Its audience is among those of its provider. */
  readonly isForProvider: boolean;
  /** What it adds to a request's metadata: undefined for nothing. */
  readonly metadata: DynamicMetadata | undefined;
  /** Fields that the request gets. */
  readonly fields: readonly HeaderField[];
}

export class TokenVerifier {
  readonly #rules: TokenRules;
  readonly #cache: TokenCache<KnownToken>;

  constructor(rules: TokenRules) {
    this.#rules = rules;
    this.#cache = new TokenCache(rules.cacheSizeMax);
  }

  /** Tokens that are known at the moment. */
  get knownCount(): number {
    return this.#cache.size;
  }

  /** Undefined when the token was not verified before. `audiences` hold instead of the provider's. */
  known(
    token: string,
    nowMs: number,
    audiences: readonly string[] | undefined,
  ): KnownToken | JwtFailure | undefined {
    const known = this.#cache.get(token);
    if (known === undefined) return undefined;
    const failure = this.#timeFailure(known, nowMs);
    if (failure === JWT_FAILURE.expired) this.#cache.delete(token);
    return failure ?? audienceFailure(known, audiences) ?? known;
  }

  /** `nowMs`: since the epoch. */
  verify(
    token: string,
    nowMs: number,
    audiences: readonly string[] | undefined,
  ): KnownToken | JwtFailure {
    // Parts of it are kept; the text that came is a piece of its request's whole head.
    const own = Buffer.from(token, "latin1").toString("latin1");
    const jws = parseCompactJws(own);
    if (jws.kind === "failure") return jws;
    const read = this.#read(jws);
    if (read.kind === "failure") return read;
    const failure =
      this.#claimFailure(read, nowMs) ??
      audienceFailure(read, audiences) ??
      signatureFailure(jws, this.#rules.keys);
    if (failure !== undefined) return failure;
    this.#cache.set(own, read);
    return read;
  }

  /** All of it but the signature, which nothing here speaks for. */
  #read(jws: CompactJws): KnownToken | JwtFailure {
    const payload = parseJsonObject(jws.payload);
    if (payload === undefined) return JWT_FAILURE.payloadJson;
    const claims = registeredClaims(payload);
    if (claims.kind === "failure") return claims;
    const { issuer, subject, audiences, notBeforeMs, expiresAtMs } = claims;
    const principal = issuer === "" || subject === "" ? "" : `${issuer}/${subject}`;
    const token = { issuer, subject, principal, audiences, claims: payload, expiresAtMs };
    const { output, audiences: wanted } = this.#rules;
    return {
      kind: "token",
      token,
      notBeforeMs,
      isForProvider: wanted.length === 0 || isFor(audiences, wanted),
      metadata: tokenMetadata(output, jws.header, payload),
      fields: tokenFields(output, payload, jws.payloadText),
    };
  }

  #claimFailure(known: KnownToken, nowMs: number): JwtFailure | undefined {
    const { issuer, subjects } = this.#rules;
    // RFC 7519 section 4.1.1: case-sensitive, compared as it is.
    if (issuer !== "" && issuer !== known.token.issuer) return JWT_FAILURE.unknownIssuer;
    if (subjects !== undefined && !subjects(known.token.subject)) return JWT_FAILURE.subject;
    return this.#timeFailure(known, nowMs);
  }

  #timeFailure(
    { notBeforeMs, token: { expiresAtMs } }: KnownToken,
    nowMs: number,
  ): JwtFailure | undefined {
    const { skewMs, requiresExpiry, lifetimeMsMax } = this.#rules;
    const failure = timeFailure(notBeforeMs, expiresAtMs, nowMs, skewMs);
    if (failure !== undefined) return failure;
    if (requiresExpiry && expiresAtMs === Number.POSITIVE_INFINITY) return JWT_FAILURE.noExpiry;
    if (lifetimeMsMax > 0 && expiresAtMs - nowMs > lifetimeMsMax) return JWT_FAILURE.lifetime;
    return undefined;
  }
}

function audienceFailure(
  { isForProvider, token }: KnownToken,
  audiences: readonly string[] | undefined,
): JwtFailure | undefined {
  const isMeant = audiences === undefined ? isForProvider : isFor(token.audiences, audiences);
  return isMeant ? undefined : JWT_FAILURE.audience;
}

/** RFC 7519 section 4.1.3: one of them is enough. */
function isFor(audiences: readonly string[], wanted: readonly string[]): boolean {
  return audiences.some((audience) => wanted.includes(audience));
}
