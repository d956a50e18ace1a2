/** The registered claims of a payload (RFC 7519 section 4.1), checked for their types; and when they hold. */
import type { MetadataMap, MetadataValue } from "../dynamic-metadata.ts";
import { JWT_FAILURE, type JwtFailure } from "./failure.ts";

export interface RegisteredClaims {
  readonly kind: "claims";
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Since the epoch. 0 without `nbf`. */
  readonly notBeforeMs: number;
  /** Since the epoch. Infinity without `exp`. */
  readonly expiresAtMs: number;
}

/** Envoy keeps times in 64 bits. */
const SECONDS_END = 2 ** 64;
const NO_AUDIENCES: readonly string[] = [];

export function registeredClaims(payload: MetadataMap): RegisteredClaims | JwtFailure {
  const issuer = payload.get("iss") ?? "";
  if (typeof issuer !== "string") return JWT_FAILURE.badIssuer;
  const subject = payload.get("sub") ?? "";
  if (typeof subject !== "string") return JWT_FAILURE.badSubject;
  const audiences = audiencesOf(payload.get("aud"));
  if (audiences === undefined) return JWT_FAILURE.badAudience;
  const { badIssuedAt, issuedAtRange, badNotBefore, notBeforeRange } = JWT_FAILURE;
  const { badExpiry, expiryRange } = JWT_FAILURE;
  const issuedAt = secondsOf(payload.get("iat"), 0, badIssuedAt, issuedAtRange);
  if (typeof issuedAt !== "number") return issuedAt;
  const notBefore = secondsOf(payload.get("nbf"), 0, badNotBefore, notBeforeRange);
  if (typeof notBefore !== "number") return notBefore;
  const never = Number.POSITIVE_INFINITY;
  const expiry = secondsOf(payload.get("exp"), never, badExpiry, expiryRange);
  if (typeof expiry !== "number") return expiry;
  const id = payload.get("jti");
  if (id !== undefined && typeof id !== "string") return JWT_FAILURE.badTokenId;
  const [notBeforeMs, expiresAtMs] = [notBefore * 1_000, expiry * 1_000];
  return { kind: "claims", issuer, subject, audiences, notBeforeMs, expiresAtMs };
}

/** `skewMs`: by how much the clocks of issuer and proxy may differ. */
export function timeFailure(
  notBeforeMs: number,
  expiresAtMs: number,
  nowMs: number,
  skewMs: number,
): JwtFailure | undefined {
  if (nowMs + skewMs < notBeforeMs) return JWT_FAILURE.notYetValid;
  // RFC 7519 section 4.1.4: on or after this time the token must not be accepted.
  if (nowMs >= expiresAtMs + skewMs) return JWT_FAILURE.expired;
  return undefined;
}

/** RFC 7519 section 4.1.3: one text, or a list of texts. */
function audiencesOf(value: MetadataValue | undefined): readonly string[] | undefined {
  if (value === undefined) return NO_AUDIENCES;
  if (typeof value === "string") return [value];
  return Array.isArray(value) && value.every(isText) ? value : undefined;
}

function isText(value: MetadataValue): value is string {
  return typeof value === "string";
}

/** RFC 7519 section 2, NumericDate: seconds, not necessarily whole ones. */
function secondsOf(
  value: MetadataValue | undefined,
  absent: number,
  mistyped: JwtFailure,
  outOfRange: JwtFailure,
): number | JwtFailure {
  if (value === undefined) return absent;
  if (typeof value !== "number") return mistyped;
  return value >= 0 && value < SECONDS_END ? value : outOfRange;
}
