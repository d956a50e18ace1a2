/**
 * A JSON Web Token whose signature, issuer, audience and time were checked: what authorization, routes and limits may
 * know of the user behind a request. `RoutedRequest.token` has it, and its claims stand in the request's dynamic
 * metadata where Envoy's filter writes them: under JWT_METADATA, in the key JWT_PAYLOAD.
 */
import { type MetadataMap, type MetadataValue, valueAt } from "./dynamic-metadata.ts";

/** The namespace in which Envoy's jwt_authn filter writes. */
export const JWT_METADATA = "envoy.filters.http.jwt_authn";
/** The key there that our translation asks for, as Istio's does (`payload_in_metadata`). */
export const JWT_PAYLOAD = "payload";

export interface VerifiedToken {
  /** The claim `iss`, exactly as the token has it. */
  readonly issuer: string;
  /** The claim `sub`, or "" where it has none. */
  readonly subject: string;
  /** `issuer/subject`, as Istio's `requestPrincipals` see it; "" where one of them is missing. */
  readonly principal: string;
  /** The claim `aud`: one text becomes a list of one. */
  readonly audiences: readonly string[];
  /** The whole payload. Claims that are texts with spaces between values (`scope`) are lists in the metadata only. */
  readonly claims: MetadataMap;
  /** Since the epoch, skew not included. Infinity without `exp`. */
  readonly expiresAtMs: number;
}

/** A claim by its path of names, or undefined. */
export function claimAt(token: VerifiedToken, path: readonly string[]): MetadataValue | undefined {
  return valueAt(token.claims, path);
}
