/**
 * Identities as the control plane keeps them, wired together: the authority and its rotation, who holds what, who is
 * revoked. Everything that follows from a change of them starts here.
 */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type {
  CertificateHolder,
  CertificateRefused,
  IssuedRecord,
} from "../../identity/certificate-service.ts";
import { type DenyList, denialOf, NOTHING_DENIED } from "../../identity/deny-list.ts";
import type { IdentityAgent } from "../../identity/identity-agent.ts";
import type { IdentityPolicy } from "../../identity/identity-policy.ts";
import type { MeshAuthority } from "../../identity/issuers/mesh-authority.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { formatTrustBundlePem } from "../../identity/trust-bundle.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import {
  issuedEvent,
  refusedCertificateEvent,
  revocationsEvent,
} from "../audit/identity-events.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ProxyDirectory, ProxyEntry } from "../proxy-directory.ts";
import type { Reconciler } from "../reconciler.ts";
import { CaController } from "./ca-controller.ts";
import { IssuedCertificates } from "./issued-certificates.ts";
import { type HeldEntry, MeshTrust } from "./mesh-trust.ts";
import { denyListOf, holderDenial } from "./revocation-list.ts";

/** What sidecars that renew at once may ask of the authority in a second: half of what it signs. */
const REISSUES_PER_SECOND = 25;
const REISSUE_WITHIN_MS_MIN = 2_000;

export interface IdentitySideOptions {
  readonly authority: MeshAuthority;
  readonly issuedPath: string | undefined;
  readonly rotationPath: string;
  readonly objects: ObjectCache;
  readonly proxies: ProxyDirectory;
  readonly reconciler: Pick<Reconciler, "snapshotOf" | "trustChanged">;
  readonly agent: Pick<IdentityAgent, "setTrustBundle" | "setIssuers" | "status">;
  /** Of the gRPC port. */
  readonly setDenied: (denied: DenyList) => void;
  /** Where issued certificates and revocations are told. */
  readonly audit?: AuditTrail | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export class IdentitySide {
  readonly authority: MeshAuthority;
  readonly issued: IssuedCertificates;
  readonly trust: MeshTrust;
  readonly controller: CaController;
  readonly #options: IdentitySideOptions;
  #denied = NOTHING_DENIED;
  #reissueWithinMs: number;

  constructor(options: IdentitySideOptions) {
    this.#options = options;
    const { authority, proxies, reconciler, agent, clock, log } = options;
    this.authority = authority;
    this.issued = new IssuedCertificates({ path: options.issuedPath, clock, log });
    this.trust = new MeshTrust({
      issued: this.issued,
      proxies,
      reconciler,
      getRoots: () => authority.bundle.roots,
    });
    this.controller = new CaController({
      authority,
      trust: this.trust,
      getOwnRootId: () => agent.status.rootId,
      getPartners: () =>
        options.objects.list("TrustDomainFederation").map(({ spec }) => spec.trustDomain),
      recordPath: options.rotationPath,
      clock,
      log: log.child("ca"),
    });
    this.#reissueWithinMs = this.#spread();
    authority.onChange(() => this.#authorityChanged());
    agent.setIssuers([rootIdOf(authority.root)], 0);
  }

  /** Who is revoked at this moment. */
  get denied(): DenyList {
    return this.#denied;
  }

  /** What sidecars are told. */
  get policy(): IdentityPolicy {
    return {
      denied: this.#denied,
      issuers: [rootIdOf(this.authority.root)],
      reissueWithinMs: this.#reissueWithinMs,
    };
  }

  /** Revocations may have changed: the gRPC port knows at once, sidecars with the next push. */
  revocationsChanged(): void {
    const { objects, setDenied, log } = this.#options;
    const denied = denyListOf(objects.list("Revocation"), this.issued.valid());
    const isSame =
      isSameSet(denied.spiffeIds, this.#denied.spiffeIds) &&
      isSameSet(denied.serials, this.#denied.serials);
    if (isSame) return;
    this.#denied = denied;
    this.#options.audit?.record(revocationsEvent(denied));
    const { spiffeIds, serials } = denied;
    log.warn("revocations changed", { identities: spiffeIds.size, certificates: serials.size });
    setDenied(denied);
  }

  /** A proxy goes away for good. One that was cut off because it is revoked may well be there still. */
  proxyLeft(entry: ProxyEntry): void {
    const { spiffeId, scope } = entry.node;
    const isRevoked = this.trust
      .certificates()
      .some((one) => one.instance === scope.nodeId && denialOf(this.#denied, one) !== undefined);
    const holder = { spiffeId, instance: scope.nodeId };
    const isDenied = holderDenial(this.#options.objects.list("Revocation"), holder) !== undefined;
    if (!isRevoked && !isDenied) this.trust.noteLeft(entry);
  }

  /** For the certificate service. */
  denialOf(holder: CertificateHolder): string | undefined {
    return holderDenial(this.#options.objects.list("Revocation"), holder);
  }

  /** For the certificate service. */
  onIssued(record: IssuedRecord): void {
    const { serialHex, spiffeId, instance, use, notBeforeMs, notAfterMs } = record;
    // While it was asked for, another authority may have taken over.
    const rootId = rootIdOf(record.root ?? this.authority.root);
    this.#options.audit?.record(issuedEvent(record));
    this.issued.add({ serialHex, spiffeId, instance, use, rootId, notBeforeMs, notAfterMs });
  }

  /** For the certificate service. */
  onRefused(refused: CertificateRefused): void {
    this.#options.audit?.record(refusedCertificateEvent(refused));
  }

  /** The control plane's own certificate. */
  own(): Omit<HeldEntry, "isConnected"> | undefined {
    const { spiffeId, serialHex, rootId, notBeforeMs, notAfterMs } = this.#options.agent.status;
    if (serialHex === undefined || rootId === undefined) return undefined;
    if (notBeforeMs === undefined || notAfterMs === undefined) return undefined;
    return { spiffeId, instance: "", serialHex, rootId, notBeforeMs, notAfterMs };
  }

  #authorityChanged(): void {
    const { agent, reconciler } = this.#options;
    this.#reissueWithinMs = this.#spread();
    agent.setTrustBundle(formatTrustBundlePem(this.authority.bundle));
    agent.setIssuers([rootIdOf(this.authority.root)], 0);
    reconciler.trustChanged();
  }

  #spread(): number {
    const seconds = Math.ceil(this.issued.current().length / REISSUES_PER_SECOND);
    return Math.max(REISSUE_WITHIN_MS_MIN, seconds * 1000);
  }
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}
