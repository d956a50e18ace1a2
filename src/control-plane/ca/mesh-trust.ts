/**
 * Who depends on which root at this moment: the proxies with what they trust, and the holders of certificates. Joined
 * from the proxies that are connected and the certificates that are out.
 */
import { type Certificate, parseCertificate } from "../../identity/certificate.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import {
  parseSpiffeId,
  type WorkloadIdentity,
  workloadIdentityFromSpiffeId,
} from "../../identity/spiffe-id.ts";
import { SECRET_TYPE_URL } from "../../xds/type-urls.ts";
import type { ProxyDirectory, ProxyEntry } from "../proxy-directory.ts";
import type { Reconciler } from "../reconciler.ts";
import type { IssuedCertificates, IssuedEntry } from "./issued-certificates.ts";
import type { HeldCertificate, ProxyTrust } from "./rotation-gates.ts";
import { TrustedRoots } from "./trusted-roots.ts";

export interface MeshTrustOptions {
  readonly issued: IssuedCertificates;
  readonly proxies: Pick<ProxyDirectory, "connected" | "recordOf">;
  readonly reconciler: Pick<Reconciler, "snapshotOf">;
  /** Of the trust domain, at this moment. */
  readonly getRoots: () => readonly Certificate[];
}

export interface HeldEntry extends IssuedEntry {
  readonly isConnected: boolean;
}

/** How Tulle's sidecars call themselves: they always ask for roots, if not at once. */
const SIDECAR_AGENT = "tulle";

export class MeshTrust {
  readonly #options: MeshTrustOptions;
  readonly #trusted = new TrustedRoots();

  constructor(options: MeshTrustOptions) {
    this.#options = options;
  }

  /** Connected proxies, and holders of certificates that are not connected. */
  proxies(): readonly ProxyTrust[] {
    const { proxies, reconciler } = this.#options;
    const connected = proxies.connected().map((entry): ProxyTrust => {
      const record = proxies.recordOf(entry);
      const isSidecar = entry.node.userAgent.startsWith(SIDECAR_AGENT);
      return {
        key: entry.key,
        isConnected: true,
        followsTrust: isSidecar || record?.types.has(SECRET_TYPE_URL) === true,
        roots: this.#trusted.of(entry.key, reconciler.snapshotOf(entry.key), record),
      };
    });
    const away = this.certificates()
      // The app beside a proxy takes its roots from that proxy.
      .filter(
        ({ isConnected, instance, use = "" }) => !isConnected && instance !== "" && use === "",
      )
      .map((entry): ProxyTrust => {
        const key = keyOf(entry);
        const roots = this.#trusted.of(key, undefined, undefined);
        return { key, isConnected: false, followsTrust: true, roots };
      });
    const all = [...connected, ...away];
    this.#trusted.retain(new Set(all.map(({ key }) => key)));
    return all;
  }

  /** Of each holder the newest. */
  certificates(): readonly HeldEntry[] {
    const connected = new Set(this.#options.proxies.connected().map(holderOfProxy));
    return this.#options.issued
      .current()
      .map((entry) => ({ ...entry, isConnected: connected.has(holderOf(entry)) }));
  }

  heldCertificates(): readonly HeldCertificate[] {
    return this.certificates().map((entry) => ({ ...entry, who: keyOf(entry) }));
  }

  /** As it was written down when it was issued: an intermediate may stand between. Else by the name of its issuer. */
  rootIdOf({ serialHex, issuerDer }: Certificate): string | undefined {
    const { issued, getRoots } = this.#options;
    const known = issued.valid().find((entry) => entry.serialHex === serialHex);
    if (known !== undefined && known.rootId !== "") return known.rootId;
    const root = getRoots().find((one) => one.subjectDer.equals(issuerDer));
    return root && rootIdOf(root);
  }

  /** A proxy connected with this certificate: it counts from now on, should nothing be known of it. */
  noteConnected(entry: ProxyEntry, certificateDer: Buffer | undefined): void {
    const { issued } = this.#options;
    if (certificateDer === undefined) return;
    const certificate = parseCertificate(certificateDer);
    const { serialHex, notBeforeMs, notAfterMs } = certificate;
    const { spiffeId, scope } = entry.node;
    const holder = { spiffeId, instance: scope.nodeId };
    const known = issued
      .current()
      .find((one) => (one.use ?? "") === "" && holderOf(one) === holderOf(holder));
    if (known !== undefined && known.notAfterMs >= notAfterMs) return;
    const rootId = this.rootIdOf(certificate) ?? "";
    issued.add({ ...holder, serialHex, rootId, notBeforeMs, notAfterMs });
  }

  /** A proxy said goodbye. */
  noteLeft({ node }: ProxyEntry): void {
    this.#options.issued.leave({ spiffeId: node.spiffeId, instance: node.scope.nodeId });
  }
}

function holderOf({ spiffeId, instance }: Pick<IssuedEntry, "spiffeId" | "instance">): string {
  return `${spiffeId} ${instance}`;
}

function holderOfProxy({ node }: ProxyEntry): string {
  return holderOf({ spiffeId: node.spiffeId, instance: node.scope.nodeId });
}

/** `namespace/id` as proxies are known by; the SPIFFE id of a holder without one. */
function keyOf({ spiffeId, instance }: IssuedEntry): string {
  const namespace = identityOf(spiffeId)?.namespace;
  return instance === "" || namespace === undefined ? spiffeId : `${namespace}/${instance}`;
}

function identityOf(spiffeId: string): WorkloadIdentity | undefined {
  const parsed = parseSpiffeId(spiffeId);
  return parsed.ok ? workloadIdentityFromSpiffeId(parsed.id) : undefined;
}
