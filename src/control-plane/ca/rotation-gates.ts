/** Who would lose access if a rotation went on: the reasons to wait. Pure. */
import type { Blocker } from "../ca-types.ts";

export interface ProxyTrust {
  /** `namespace/id`. */
  readonly key: string;
  readonly isConnected: boolean;
  /** Whether it asks for roots at all. */
  readonly followsTrust: boolean;
  readonly roots: readonly string[] | undefined;
}

export interface HeldCertificate {
  readonly who: string;
  readonly rootId: string;
  readonly notAfterMs: number;
  readonly isConnected: boolean;
}

export interface GateOptions {
  /** Proxies that are not connected are not waited for. */
  readonly skipDisconnected: boolean;
}

/** Before `rootId` signs, everybody trusts it. */
export function bundleBlockers(
  proxies: readonly ProxyTrust[],
  rootId: string,
  options: GateOptions,
): readonly Blocker[] {
  return proxies.flatMap((proxy): readonly Blocker[] => {
    if (!proxy.followsTrust || proxy.roots?.includes(rootId) === true) return [];
    if (!proxy.isConnected && options.skipDisconnected) return [];
    const what = `has not acknowledged a trust bundle with root ${rootId}`;
    const reason = proxy.isConnected ? what : `is not connected and ${what}`;
    return [{ kind: "bundle", who: proxy.key, connected: proxy.isConnected, reason }];
  });
}

/** What partners may have trusted when they asked last: before this moment some of them may not know the root. */
export interface PartnerWindow {
  /** Trust domains that the mesh federates with. */
  readonly partners: readonly string[];
  readonly rootId: string;
  readonly endMs: number;
  readonly nowMs: number;
}

/** Before a root signs, partners have had time to fetch it: nobody tells us what they trust. */
export function partnerBlockers(window: PartnerWindow): readonly Blocker[] {
  const { partners, rootId, endMs, nowMs } = window;
  if (nowMs >= endMs) return [];
  const until = new Date(endMs).toISOString();
  const reason = `may not have fetched a bundle with root ${rootId} before ${until}`;
  return partners.map((who) => ({ kind: "partner", who, connected: false, reason }));
}

/** Before a root is retired, no certificate depends on it. `isDependent` says which roots count. */
export function certificateBlockers(
  certificates: readonly HeldCertificate[],
  isDependent: (rootId: string) => boolean,
  options: GateOptions,
): readonly Blocker[] {
  return certificates.flatMap((held): readonly Blocker[] => {
    if (!isDependent(held.rootId)) return [];
    if (!held.isConnected && options.skipDisconnected) return [];
    const until = new Date(held.notAfterMs).toISOString();
    const where = held.isConnected ? "" : " and is not connected";
    const reason = `holds a certificate under root ${held.rootId} until ${until}${where}`;
    return [{ kind: "certificate", who: held.who, connected: held.isConnected, reason }];
  });
}
