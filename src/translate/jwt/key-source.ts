/** Where the keys of an issuer come from, and under which name the mesh knows what was found there. */
import { assert } from "../../core/assert.ts";
import type { JwtRule } from "../../resource/kinds/request-authentication.ts";
import type { SecurityPolicySpec } from "../../resource/kinds/security-policy.ts";

/** Of a rule, as far as keys go. */
export type IssuerKeys = Pick<JwtRule, "issuer" | "jwks" | "jwksUri">;

export interface KeySource {
  /** Rules with the same have the same keys. */
  readonly key: string;
  /** A document with keys, or one that says where they are and must name this issuer. */
  readonly url: string;
  /** Undefined where `url` has the keys themselves. */
  readonly issuer: string | undefined;
}

/** What was fetched. */
export interface FetchedKeys {
  /** A JSON Web Key Set of usable keys; undefined while there is none. */
  readonly document: string | undefined;
  /** What went wrong, of the last attempt; undefined when it went well, or there was none yet. */
  readonly problem: string | undefined;
}

/** By `KeySource.key`. */
export type FetchedKeySets = ReadonlyMap<string, FetchedKeys>;

/** OpenID Connect Discovery 1.0 section 4. */
const DISCOVERY_PATH = "/.well-known/openid-configuration";

/** Undefined where the rule has its keys inline. */
export function keySourceOf({ issuer, jwks, jwksUri }: IssuerKeys): KeySource | undefined {
  if (jwks !== undefined) return undefined;
  if (jwksUri !== undefined) return { key: jwksUri, url: jwksUri, issuer: undefined };
  // Section 4.1: a slash at the end is left out before the path is put behind it.
  const url = `${issuer.replace(/\/$/, "")}${DISCOVERY_PATH}`;
  return { key: `${issuer} (discovery)`, url, issuer };
}

/** The provider of a login: its keys are found as those of any issuer. */
export function loginKeySource({ provider }: SecurityPolicySpec["oidc"]): KeySource {
  const { issuer, jwksUri } = provider;
  const source = keySourceOf({ issuer, ...(jwksUri === undefined ? {} : { jwksUri }) });
  assert(source !== undefined, "keys of a provider are never inline");
  return source;
}
