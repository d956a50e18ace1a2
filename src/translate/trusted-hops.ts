/** How far `x-forwarded-for` is believed, in Envoy's count. */
import { NO_TRUSTED_HOPS } from "./defaults.ts";

/**
 * `xff_num_trusted_hops` without `use_remote_address`: addresses to leave out from the end. One trusted proxy has written
 * the last one, so none is left out for it.
 */
export function trustedHops(trustedProxies: number): number {
  return trustedProxies === 0 ? NO_TRUSTED_HOPS : trustedProxies - 1;
}

/** The same at a gateway, which is one of the proxies in front of sidecars itself (`use_remote_address`). */
export function edgeHops(hopsOfSidecars: number): number {
  return hopsOfSidecars === NO_TRUSTED_HOPS ? 0 : hopsOfSidecars;
}
