/**
 * Why a token is not accepted: the one table of reasons, with Envoy's words for those that Envoy has, since logs and
 * dashboards look for them, and what RFC 6750 section 3.1 has clients told.
 */

export interface JwtFailure {
  readonly kind: "failure";
  /** For metrics: one of few. */
  readonly reason: string;
  /** A sentence for the client. */
  readonly message: string;
  /** Envoy's `response_code_details`. */
  readonly details: string;
  readonly status: number;
  /** RFC 6750 section 3.1; "" where the request had no token at all, which is no error. */
  readonly error: "" | "invalid_request" | "invalid_token";
}

export const JWT_FAILURE = {
  missing: failure("missing", "Jwt is missing", 401, ""),
  // RFC 6750 section 2: clients must not use more than one method to send the token.
  several: failure("several", "Found multiple Jwt tokens", 400, "invalid_request"),
  tooLong: failure("too_long", "Jwt is too long"),
  badForm: failure(
    "malformed",
    "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
  ),
  headerBase64: failure("malformed", "Jwt header is an invalid Base64url encoded"),
  headerJson: failure("malformed", "Jwt header is an invalid JSON"),
  noAlgorithm: failure("malformed", "Jwt header [alg] field is required and must be a string"),
  algorithm: failure("algorithm", "Jwt header [alg] is not supported"),
  badKeyId: failure("malformed", "Jwt header [kid] field is not a string"),
  critical: failure("critical", "Jwt header [crit] names an extension that is not supported"),
  unencodedPayload: failure("critical", "Jwt header [b64] is not supported"),
  payloadBase64: failure("malformed", "Jwt payload is an invalid Base64url encoded"),
  payloadJson: failure("malformed", "Jwt payload is an invalid JSON"),
  badIssuer: failure("malformed", "Jwt payload [iss] field is not a string"),
  badSubject: failure("malformed", "Jwt payload [sub] field is not a string"),
  badAudience: failure("malformed", "Jwt payload [aud] field is not a string or string list"),
  badIssuedAt: failure("malformed", "Jwt payload [iat] field is not an integer"),
  issuedAtRange: failure("malformed", "Jwt payload [iat] field is not a positive 64 bit integer"),
  badNotBefore: failure("malformed", "Jwt payload [nbf] field is not an integer"),
  notBeforeRange: failure("malformed", "Jwt payload [nbf] field is not a positive 64 bit integer"),
  badExpiry: failure("malformed", "Jwt payload [exp] field is not an integer"),
  expiryRange: failure("malformed", "Jwt payload [exp] field is not a positive 64 bit integer"),
  badTokenId: failure("malformed", "Jwt payload [jti] field is not a string"),
  signatureBase64: failure("malformed", "Jwt signature is an invalid Base64url encoded"),
  unknownIssuer: failure("issuer", "Jwt issuer is not configured"),
  subject: failure("subject", "Jwt subject is not allowed"),
  noExpiry: failure("no_expiry", "Jwt has no expiration"),
  lifetime: failure("lifetime", "Jwt expires later than is allowed"),
  // Envoy's status, though RFC 6750 has 401 for it, too.
  audience: failure("audience", "Audiences in Jwt are not allowed", 403),
  notYetValid: failure("not_yet_valid", "Jwt not yet valid"),
  expired: failure("expired", "Jwt is expired"),
  noKeys: failure("no_keys", "Jwks doesn't have any valid public key"),
  unknownKey: failure("unknown_key", "Jwks doesn't have key to match kid or alg from Jwt"),
  signature: failure("signature", "Jwt verification fails"),
} as const satisfies Record<string, JwtFailure>;

function failure(
  reason: string,
  message: string,
  status = 401,
  error: JwtFailure["error"] = "invalid_token",
): JwtFailure {
  const details = `jwt_authn_access_denied{${message.replaceAll(" ", "_")}}`;
  return { kind: "failure", reason, message, details, status, error };
}
