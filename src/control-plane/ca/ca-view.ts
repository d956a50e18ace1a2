/** How the authority stands, as the admin API tells it. */

import type { MeshAuthority } from "../../identity/issuers/mesh-authority.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import type { CaResponse, CertificateView, IssuerView, RootView } from "../ca-types.ts";
import type { CaController } from "./ca-controller.ts";
import type { HeldEntry, MeshTrust } from "./mesh-trust.ts";

export interface CaViewSource {
  readonly authority: MeshAuthority;
  readonly trust: Pick<MeshTrust, "proxies" | "certificates">;
  readonly controller: Pick<CaController, "rotation">;
  /** The control plane's own certificate. */
  readonly getOwn: () => Omit<HeldEntry, "isConnected"> | undefined;
}

export function caView(source: CaViewSource): CaResponse {
  const { authority, trust, controller } = source;
  const own = source.getOwn();
  const bundles = trust.proxies().filter(({ followsTrust }) => followsTrust);
  return {
    trustDomain: authority.trustDomain,
    issuer: issuerView(authority),
    roots: rootViews(source),
    controlPlane: own === undefined ? null : certificateView({ ...own, isConnected: true }),
    certificates: trust.certificates().map(certificateView),
    bundles: bundles.map(({ key, isConnected, roots }) => ({
      proxy: key,
      connected: isConnected,
      roots: roots ?? null,
    })),
    rotation: controller.rotation ?? null,
  };
}

function issuerView({ external, root }: MeshAuthority): IssuerView {
  const { kind = "built-in", place = null, lastError = null, lastErrorAtMs } = external ?? {};
  const notAfterMs = external === undefined ? root.notAfterMs : external.notAfterMs;
  return {
    kind,
    place,
    notAfter: notAfterMs === undefined ? null : iso(notAfterMs),
    lastError,
    lastErrorAt: lastErrorAtMs === undefined ? null : iso(lastErrorAtMs),
    failures: external?.consecutiveFailures ?? 0,
  };
}

/** The active one first. */
export function rootViews({ authority, trust }: CaViewSource): readonly RootView[] {
  const activeId = rootIdOf(authority.root);
  const nextId = authority.nextRoot && rootIdOf(authority.nextRoot);
  const certificates = trust.certificates();
  const proxies = trust.proxies();
  const views = authority.bundle.roots.map((root): RootView => {
    const id = rootIdOf(root);
    return {
      id,
      state: id === activeId ? "active" : id === nextId ? "prepared" : "trusted",
      notBefore: iso(root.notBeforeMs),
      notAfter: iso(root.notAfterMs),
      certificates: certificates.filter(({ rootId }) => rootId === id).length,
      bundles: proxies.filter((one) => one.isConnected && one.roots?.includes(id)).length,
    };
  });
  return views.toSorted((a, b) => Number(b.state === "active") - Number(a.state === "active"));
}

function certificateView(entry: HeldEntry): CertificateView {
  return {
    spiffeId: entry.spiffeId,
    instance: entry.instance,
    serial: entry.serialHex,
    root: entry.rootId,
    notBefore: iso(entry.notBeforeMs),
    notAfter: iso(entry.notAfterMs),
    connected: entry.isConnected,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
