/** Gives out join tokens in the form of the admin API. Who may ask for one is the transport's business. */
import type { Clock } from "../core/clock.ts";
import { type JoinTokenStore, JoinTokens } from "../identity/join-token.ts";
import { apiError } from "./admin-api/api-error.ts";
import type { JoinTokenRequest, JoinTokenResponse } from "./api-types.ts";

/** The namespace of the mesh's own processes: nobody joins as one of them. */
export const SYSTEM_NAMESPACE = "tulle-system";

export interface JoinTokenIssuerOptions {
  readonly clock: Clock;
  readonly tokenStore: JoinTokenStore;
  readonly trustDomain: string;
  readonly getLifetimeMs: () => number;
  readonly getTrustBundlePem: () => string;
  readonly getXdsAddress: () => string;
}

export function createJoinTokenIssuer(
  options: JoinTokenIssuerOptions,
): (request: JoinTokenRequest) => JoinTokenResponse {
  const { clock, tokenStore: store, trustDomain } = options;
  return (request) => {
    const { namespace = "default", serviceAccount, ttlSeconds } = request;
    if (namespace === SYSTEM_NAMESPACE) {
      throw apiError("forbidden", `no workload may join in namespace ${SYSTEM_NAMESPACE}`);
    }
    const lifetimeMs = ttlSeconds === undefined ? options.getLifetimeMs() : ttlSeconds * 1000;
    const tokens = new JoinTokens({ clock, store, lifetimeMs });
    const grant = tokens.create({ trustDomain, namespace, serviceAccount });
    return {
      token: grant.token,
      trustBundlePem: options.getTrustBundlePem(),
      spiffeId: grant.spiffeId,
      expiresAt: new Date(grant.expiresAtMs).toISOString(),
      xdsAddress: options.getXdsAddress(),
      trustDomain,
    };
  };
}
