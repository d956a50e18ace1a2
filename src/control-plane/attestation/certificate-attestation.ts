/**
 * Who a workload is by a certificate of a foreign authority: a signed assertion (RFC 7523 section 3) with the certificate in
 * its header (RFC 7515 section 4.1.6), for this control plane, valid for a moment, and taken once. The path to the
 * authority is validated by the rules that hold for the mesh's own certificates.
 */
import { createHash } from "node:crypto";
import { registeredClaims, timeFailure } from "../../decision/jwt/claims.ts";
import { type CompactJws, parseCompactJws } from "../../decision/jwt/compact-jws.ts";
import { importKey } from "../../decision/jwt/json-web-key.ts";
import { signatureFailure } from "../../decision/jwt/signature-check.ts";
import { parseJsonObject } from "../../decision/jwt/strict-json.ts";
import { type Certificate, parseCertificate } from "../../identity/certificate.ts";
import { CHAIN_CERTIFICATES_MAX } from "../../identity/limits.ts";
import { OID } from "../../identity/oid.ts";
import { criticalExtensionProblem, validatePath } from "../../identity/path-validation.ts";
import { keyObjectOf, publicKeyProblem } from "../../identity/public-key.ts";
import { parseTrustBundlePem } from "../../identity/trust-bundle.ts";
import type { CertificateAttestor } from "../../resource/kinds/workload-attestor.ts";
import { proofRefused } from "./attestation-error.ts";
import type { NamedWorkload } from "./jwt-attestation.ts";

/** From now to the expiry of an assertion. */
const LIFETIME_MS_MAX = 120_000;
const SKEW_MS = 30_000;
const LABEL = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

export interface AssertionRules {
  /** Whom assertions must be for: the control plane's SPIFFE id. */
  readonly audience: string;
  readonly nowMs: number;
  readonly used: UsedAssertions;
}

/** Assertions that were taken and have not expired. */
export class UsedAssertions {
  readonly #untilMs = new Map<string, number>();

  /** False for one that was taken before. */
  take(assertion: string, expiresAtMs: number, nowMs: number): boolean {
    for (const [known, untilMs] of this.#untilMs) if (untilMs < nowMs) this.#untilMs.delete(known);
    const digest = createHash("sha256").update(assertion).digest("base64");
    if (this.#untilMs.has(digest)) return false;
    this.#untilMs.set(digest, expiresAtMs + SKEW_MS);
    return true;
  }
}

/** Whether a token is such an assertion at all. */
export function isAssertion(token: string): boolean {
  const jws = parseCompactJws(token);
  return jws.kind === "jws" && jws.header.has("x5c");
}

/** Throws `join-token-refused`. */
export function workloadOfCertificate(
  assertion: string,
  attestor: CertificateAttestor,
  { audience, nowMs, used }: AssertionRules,
): NamedWorkload {
  const jws = parseCompactJws(assertion);
  if (jws.kind === "failure") throw proofRefused(`the assertion is refused: ${jws.message}`);
  const [leaf, ...candidates] = chainOf(jws);
  if (leaf === undefined) throw proofRefused("the assertion has no certificate in x5c");
  checkLeaf(leaf, nowMs);
  // The domain's name plays no part: the roots are those of the attestor and nobody else's.
  const bundle = parseTrustBundlePem("foreign", attestor.caCertificates);
  const path = validatePath({ leaf, candidates, bundle, nowMs });
  if (!path.ok) throw proofRefused(`the certificate is refused: ${path.reason}`);
  const expiresAtMs = checkAssertion(jws, leaf, audience, nowMs);
  const named = nameOf(leaf, attestor);
  if (!used.take(assertion, expiresAtMs, nowMs))
    throw proofRefused("the assertion was used before");
  return named;
}

/** RFC 7515 section 4.1.6: base64 and not base64url, the signer's own first. */
function chainOf({ header }: CompactJws): readonly Certificate[] {
  const chain = header.get("x5c");
  if (!Array.isArray(chain) || chain.length > CHAIN_CERTIFICATES_MAX) {
    throw proofRefused(`x5c must be a list of 1 to ${CHAIN_CERTIFICATES_MAX} certificates`);
  }
  try {
    return chain.map((one) => parseCertificate(Buffer.from(String(one), "base64")));
  } catch {
    throw proofRefused("a certificate in x5c cannot be read");
  }
}

function checkLeaf(leaf: Certificate, nowMs: number): void {
  const { basicConstraints, keyUsage, extendedKeyUsage } = leaf.extensions;
  if (nowMs > leaf.notAfterMs) throw proofRefused("the certificate has expired");
  if (nowMs < leaf.notBeforeMs) throw proofRefused("the certificate is not valid yet");
  const isSigning = basicConstraints?.isCa === true || keyUsage?.hasKeyCertSign === true;
  if (isSigning) throw proofRefused("the certificate is that of an authority");
  // RFC 5280 section 4.2.1.3.
  if (keyUsage !== undefined && !keyUsage.hasDigitalSignature) {
    throw proofRefused("the certificate's key is not for signatures");
  }
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.has(OID.clientAuth)) {
    throw proofRefused("the certificate is not for client authentication");
  }
  const weakness = publicKeyProblem(leaf.publicKey);
  if (weakness !== undefined) throw proofRefused(`the certificate ${weakness}`);
  const problem = criticalExtensionProblem(leaf, "the certificate");
  if (problem !== undefined) throw proofRefused(problem.reason);
}

/** Returns when it expires. */
function checkAssertion(
  jws: CompactJws,
  leaf: Certificate,
  audience: string,
  nowMs: number,
): number {
  const jwk = keyObjectOf(leaf.publicKey)?.export({ format: "jwk" }) ?? {};
  const key = importKey(new Map(Object.entries(jwk as Record<string, string>)));
  if (key.kind === "problem")
    throw proofRefused(`the certificate's key is refused: ${key.message}`);
  // By the certificate's own key, whatever `kid` says.
  const forged = signatureFailure({ ...jws, keyId: undefined }, [key]);
  if (forged !== undefined)
    throw proofRefused("the certificate's key has not signed the assertion");
  const payload = parseJsonObject(jws.payload);
  const claims = payload === undefined ? undefined : registeredClaims(payload);
  if (claims === undefined || claims.kind === "failure") {
    throw proofRefused("the assertion's claims cannot be read");
  }
  if (!claims.audiences.includes(audience))
    throw proofRefused(`the assertion is not for ${audience}`);
  const { notBeforeMs, expiresAtMs } = claims;
  const late = timeFailure(notBeforeMs, expiresAtMs, nowMs, SKEW_MS);
  if (late !== undefined) throw proofRefused(`the assertion is refused: ${late.message}`);
  if (expiresAtMs - nowMs > LIFETIME_MS_MAX + SKEW_MS) {
    throw proofRefused(`the assertion is valid for more than ${LIFETIME_MS_MAX / 1000} s`);
  }
  return expiresAtMs;
}

/** By the first of its DNS names that is taken. */
function nameOf(leaf: Certificate, attestor: CertificateAttestor): NamedWorkload {
  const names = leaf.extensions.alternativeNames?.dnsNames ?? [];
  const name = names.find((one) => attestor.dnsNames.some((pattern) => matches(pattern, one)));
  if (name === undefined) throw proofRefused("the certificate has no DNS name that is taken");
  const label = name.split(".")[0] ?? "";
  const fill = (template: string, what: string): string => {
    const filled = template.replaceAll("{dns}", label);
    if (LABEL.test(filled)) return filled;
    throw proofRefused(`the certificate's name makes no ${what}`);
  };
  const { namespace, serviceAccount } = attestor;
  return {
    namespace: fill(namespace, "namespace"),
    serviceAccount: fill(serviceAccount, "service account"),
  };
}

/** `*.shop.example` stands for one label, as in RFC 6125 section 6.4.3. */
function matches(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === name;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}
