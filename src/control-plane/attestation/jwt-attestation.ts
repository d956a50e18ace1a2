/** Who a workload is by a token of an issuer: verified by the issuer's keys, named by its claims. Pure. */
import { type MetadataValue, valueAt } from "../../decision/dynamic-metadata.ts";
import { parseKeySet } from "../../decision/jwt/json-web-key-set.ts";
import type { TokenOutput } from "../../decision/jwt/token-output.ts";
import { TokenVerifier } from "../../decision/jwt/token-verifier.ts";
import type { VerifiedToken } from "../../decision/verified-token.ts";
import { durationMs } from "../../resource/duration.ts";
import type { JwtAttestor } from "../../resource/kinds/workload-attestor.ts";
import { proofRefused } from "./attestation-error.ts";

/** How far clocks may differ. */
const SKEW_MS = 30_000;
const LABEL = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const PLACEHOLDER = /\{([^}]+)\}/g;

export interface NamedWorkload {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** `keys`: the issuer's key set. Throws `join-token-refused`. */
export function workloadOfToken(
  token: string,
  attestor: JwtAttestor,
  keys: string,
  nowMs: number,
): NamedWorkload {
  const set = parseKeySet(keys);
  const verifier = new TokenVerifier({
    ...{ issuer: attestor.issuer, audiences: attestor.audiences, subjects: undefined },
    ...{ requiresExpiry: true, lifetimeMsMax: durationMs(attestor.lifetimeMax), skewMs: SKEW_MS },
    ...{ keys: set.kind === "keys" ? set.keys : [], cacheSizeMax: 0, output: NO_OUTPUT },
  });
  const known = verifier.verify(token, nowMs, undefined);
  if (known.kind === "failure") throw proofRefused(`the token is refused: ${known.message}`);
  // An audience of our own is the whole point: RFC 7519 lets a token have none.
  if (known.token.audiences.length === 0) throw proofRefused("the token has no audience");
  for (const [name, values] of Object.entries(attestor.claims)) {
    const value = claimOf(known.token, name);
    if (value !== undefined && values.includes(value)) continue;
    throw proofRefused(`the claim ${name} of the token has none of the values that are asked for`);
  }
  return {
    namespace: fill(attestor.namespace, known.token, "namespace"),
    serviceAccount: fill(attestor.serviceAccount, known.token, "service account"),
  };
}

const NO_OUTPUT: TokenOutput = {
  ...{ payloadKey: "", headerKey: "", spacedClaims: [], payloadField: undefined },
  claimFields: [],
};

/** What a claim says becomes part of an identity only when it is a name, and never changes where one part ends. */
function fill(template: string, token: VerifiedToken, what: string): string {
  const filled = template.replace(PLACEHOLDER, (_, name: string) => {
    const value = claimOf(token, name);
    if (value === undefined) throw proofRefused(`the token has no claim ${name} that is a text`);
    return value;
  });
  if (LABEL.test(filled)) return filled;
  throw proofRefused(`the token's claims make no ${what}: ${JSON.stringify(filled.slice(0, 80))}`);
}

/** By its own name, else by the names on the way to it. */
function claimOf({ claims }: VerifiedToken, name: string): string | undefined {
  const value: MetadataValue | undefined = claims.get(name) ?? valueAt(claims, name.split("."));
  return typeof value === "string" ? value : undefined;
}
