/**
 * JWT-SVIDs (SPIFFE's tokens) as whoever gets one must check them, rule by rule: the form and header (JWT-SVID section 2),
 * the claims (section 3), and the signature by a key of the very trust domain that the subject names, and of no other
 * (section 4).
 */
import { parseSpiffeId, type SpiffeId } from "../../identity/spiffe-id.ts";
import type { MetadataMap, MetadataValue } from "../dynamic-metadata.ts";
import { registeredClaims, timeFailure } from "../jwt/claims.ts";
import { type CompactJws, parseCompactJws } from "../jwt/compact-jws.ts";
import type { VerificationKey } from "../jwt/json-web-key.ts";
import { signatureFailure } from "../jwt/signature-check.ts";
import { parseJsonObject } from "../jwt/strict-json.ts";

export interface JwtSvidRules {
  /** Keys for tokens by trust domain. */
  readonly keysOf: (trustDomain: string) => readonly VerificationKey[] | undefined;
  /** Who checks: the token must be meant for it. */
  readonly audience: string;
  /** Since the epoch. */
  readonly nowMs: number;
}

export type JwtSvidVerdict =
  | {
      readonly kind: "svid";
      readonly spiffeId: SpiffeId;
      readonly trustDomain: string;
      readonly claims: MetadataMap;
      readonly expiresAtMs: number;
    }
  | JwtSvidFailure;

export interface JwtSvidFailure {
  readonly kind: "failure";
  /** A sentence. */
  readonly message: string;
}

/** Section 2.1: asymmetric ones alone, and these nine. */
const ALGORITHM = /^(?:RS|ES|PS)(?:256|384|512)$/;
/** Section 2.3. */
const TYPES: readonly MetadataValue[] = ["JWT", "JOSE"];
/** Section 2: no other header may stand there. */
const HEADERS: ReadonlySet<string> = new Set(["alg", "kid", "typ"]);

/** Never throws. */
export function verifyJwtSvid(token: string, rules: JwtSvidRules): JwtSvidVerdict {
  const jws = parseCompactJws(token);
  if (jws.kind === "failure") return failure(jws.message);
  const problem = headerProblem(jws);
  if (problem !== undefined) return failure(problem);
  const payload = parseJsonObject(jws.payload);
  if (payload === undefined) return failure("the claims are no JSON object");
  const claims = registeredClaims(payload);
  if (claims.kind === "failure") return failure(claims.message);
  // Section 3.2: at least one audience, and the one who checks among them.
  if (claims.audiences.length === 0) return failure("the token has no audience");
  if (!claims.audiences.includes(rules.audience)) {
    return failure("the token is for another audience");
  }
  // Section 3.3: a token without an expiry is refused.
  if (claims.expiresAtMs === Number.POSITIVE_INFINITY) return failure("the token has no expiry");
  const late = timeFailure(claims.notBeforeMs, claims.expiresAtMs, rules.nowMs, 0);
  if (late !== undefined) return failure(late.message);
  // Section 3.1.
  const subject = parseSpiffeId(claims.subject);
  if (!subject.ok) return failure(`the subject is no SPIFFE id: it ${subject.reason}`);
  if (subject.id !== claims.subject || subject.path === "") {
    return failure("the subject is not the SPIFFE id of a workload");
  }
  const { id: spiffeId, trustDomain } = subject;
  const keys = rules.keysOf(trustDomain);
  if (keys === undefined) return failure(`trust domain ${trustDomain} is not trusted here`);
  const forged = signatureFailure(jws, keys);
  if (forged !== undefined) return failure(forged.message);
  return { kind: "svid", spiffeId, trustDomain, claims: payload, expiresAtMs: claims.expiresAtMs };
}

function headerProblem({ header, algorithm }: CompactJws): string | undefined {
  for (const name of header.keys()) {
    if (!HEADERS.has(name)) return `the header ${JSON.stringify(name)} has no place in a JWT-SVID`;
  }
  if (!ALGORITHM.test(algorithm.name)) return `${algorithm.name} is no algorithm of a JWT-SVID`;
  const type = header.get("typ");
  if (type !== undefined && !TYPES.includes(type)) return "typ is neither JWT nor JOSE";
  return undefined;
}

function failure(message: string): JwtSvidFailure {
  return { kind: "failure", message };
}
