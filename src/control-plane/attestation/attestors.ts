/** What a workload that joins has to show: a join token, or the proof of one of the mesh's WorkloadAttestors. */
import { decodeBase64url } from "../../decision/jwt/base64url.ts";
import { parseJsonObject } from "../../decision/jwt/strict-json.ts";
import type { JoinTokens } from "../../identity/join-token.ts";
import { type WorkloadIdentity, workloadSpiffeId } from "../../identity/spiffe-id.ts";
import type { JwtAttestor, WorkloadAttestor } from "../../resource/kinds/workload-attestor.ts";
import { type FetchedKeySets, keySourceOf } from "../../translate/jwt/key-source.ts";
import { SYSTEM_NAMESPACE } from "../join-token-issuer.ts";
import { proofRefused, proofUnjudged } from "./attestation-error.ts";
import { isAssertion, UsedAssertions, workloadOfCertificate } from "./certificate-attestation.ts";
import { type NamedWorkload, workloadOfToken } from "./jwt-attestation.ts";
import { workloadOfServiceAccount } from "./kubernetes-attestation.ts";

/** Whom assertions are for. */
const CONTROL_PLANE = { namespace: SYSTEM_NAMESPACE, serviceAccount: "control-plane" };
/** Of the keys of an issuer. */
const FETCH_TIMEOUT = "5s";

export interface AttestorsOptions {
  readonly trustDomain: string;
  readonly getAttestors: () => readonly WorkloadAttestor[];
  /** Keys of issuers that were fetched. */
  readonly getKeySets: () => FetchedKeySets;
  readonly joinTokens: Pick<JoinTokens, "isKnown" | "redeem">;
  readonly nowMs: () => number;
}

export class Attestors {
  readonly #options: AttestorsOptions;
  readonly #used = new UsedAssertions();

  constructor(options: AttestorsOptions) {
    this.#options = options;
  }

  /** Whether anybody could take this token for a proof: cheap, and no verdict. */
  isWorthJudging(token: string): boolean {
    const { joinTokens, getAttestors } = this.#options;
    if (!isJwt(token)) return joinTokens.isKnown(token);
    const issuer = issuerOf(token);
    return getAttestors().some(
      ({ spec: { jwt, kubernetes, x509 } }) =>
        kubernetes !== undefined ||
        x509 !== undefined ||
        (jwt !== undefined && jwt.issuer === issuer),
    );
  }

  /** Throws `join-token-refused`, or `attestation-unavailable` when it cannot be judged now. */
  redeem(token: string): WorkloadIdentity | Promise<WorkloadIdentity> {
    if (!isJwt(token)) return this.#options.joinTokens.redeem(token);
    return this.#attest(token);
  }

  async #attest(token: string): Promise<WorkloadIdentity> {
    const { trustDomain, getAttestors, nowMs } = this.#options;
    const attestors = getAttestors().map(({ spec }) => spec);
    if (isAssertion(token)) return this.#byCertificate(token);
    const issuer = issuerOf(token);
    const byIssuer = attestors.flatMap(({ jwt }) =>
      jwt !== undefined && jwt.issuer === issuer ? [jwt] : [],
    );
    let refusal = proofRefused(
      "nothing in the mesh takes such a token: there is no WorkloadAttestor for it",
    );
    for (const jwt of byIssuer) {
      const named = await attempt(() => workloadOfToken(token, jwt, this.#keysOf(jwt), nowMs()));
      if (!(named instanceof Error)) return identityOf(named, trustDomain);
      refusal = named;
    }
    if (byIssuer.length > 0) throw refusal;
    for (const { kubernetes } of attestors) {
      if (kubernetes === undefined) continue;
      const named = await attempt(() => workloadOfServiceAccount(token, kubernetes));
      if (!(named instanceof Error)) return identityOf(named, trustDomain);
      refusal = named;
    }
    throw refusal;
  }

  async #byCertificate(assertion: string): Promise<WorkloadIdentity> {
    const { trustDomain, getAttestors, nowMs } = this.#options;
    const audience = workloadSpiffeId({ trustDomain, ...CONTROL_PLANE });
    const rules = { audience, nowMs: nowMs(), used: this.#used };
    let refusal = proofRefused("nothing in the mesh takes certificates of other authorities");
    for (const { spec } of getAttestors()) {
      const { x509 } = spec;
      if (x509 === undefined) continue;
      const named = await attempt(() => workloadOfCertificate(assertion, x509, rules));
      if (!(named instanceof Error)) return identityOf(named, trustDomain);
      refusal = named;
    }
    throw refusal;
  }

  #keysOf(jwt: JwtAttestor): string {
    if (jwt.jwks !== undefined) return jwt.jwks;
    const source = keySourceOf(keysOf(jwt));
    const keys = this.#options.getKeySets().get(source?.key ?? "")?.document;
    if (keys === undefined) throw proofUnjudged(`the keys of ${jwt.issuer} are not known yet`);
    return keys;
  }
}

/** The issuers of attestors as the keeper of keys wants them: fetched like those of users. */
export function attestorIssuers(attestors: readonly WorkloadAttestor[]) {
  return attestors.flatMap(({ spec: { jwt } }) => {
    if (jwt === undefined || jwt.jwks !== undefined) return [];
    return [{ spec: { jwtRules: [{ ...keysOf(jwt), timeout: FETCH_TIMEOUT }] } }];
  });
}

function keysOf({ issuer, jwksUri }: JwtAttestor) {
  return { issuer, ...(jwksUri === undefined ? {} : { jwksUri }) };
}

/** Join tokens have two parts, signed tokens three (RFC 7515 section 3.1). */
function isJwt(token: string): boolean {
  return token.split(".").length === 3;
}

/** What the token says of itself, to find who can judge it. Not believed. */
function issuerOf(token: string): string | undefined {
  const payload = decodeBase64url(token.split(".")[1] ?? "");
  const issuer = payload && parseJsonObject(payload)?.get("iss");
  return typeof issuer === "string" ? issuer : undefined;
}

async function attempt(
  act: () => NamedWorkload | Promise<NamedWorkload>,
): Promise<NamedWorkload | Error> {
  try {
    return await act();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function identityOf(named: NamedWorkload, trustDomain: string): WorkloadIdentity {
  if (named.namespace === SYSTEM_NAMESPACE) {
    throw proofRefused(`no workload may join in namespace ${SYSTEM_NAMESPACE}`);
  }
  return { trustDomain, ...named };
}
