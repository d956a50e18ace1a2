/** The admin API's requests and responses about the certificate authority, in JSON; types only. */

/** In the order in which a rotation takes them. */
export type RotationStep = "prepare" | "distribute" | "activate" | "re-issue" | "retire";

// ---- GET /api/v1/ca ----

export interface CaResponse {
  readonly trustDomain: string;
  /** Who signs. */
  readonly issuer: IssuerView;
  /** The one whose key signs first, then by age. */
  readonly roots: readonly RootView[];
  /** Of the control plane itself. */
  readonly controlPlane: CertificateView | null;
  /** Certificates that are valid and not replaced by a newer one of the same holder. */
  readonly certificates: readonly CertificateView[];
  readonly bundles: readonly BundleView[];
  /** The last one, under way or finished. */
  readonly rotation: RotationView | null;
}

export interface IssuerView {
  /** `built-in`, or the kind of an issuer outside the mesh, such as `file` or `vault`. */
  readonly kind: string;
  /** Where it is; null for the built-in authority. */
  readonly place: string | null;
  /** When what signs expires; null while that is not known. */
  readonly notAfter: string | null;
  /** Why it failed last; null when the last attempt succeeded. */
  readonly lastError: string | null;
  readonly lastErrorAt: string | null;
  /** Since the last success. */
  readonly failures: number;
}

export interface RootView {
  readonly id: string;
  /** `active`: its key signs. `prepared`: it will. `trusted`: what it signed is accepted. */
  readonly state: "active" | "prepared" | "trusted";
  readonly notBefore: string;
  readonly notAfter: string;
  /** Valid certificates under it. */
  readonly certificates: number;
  /** Connected proxies that have acknowledged it. */
  readonly bundles: number;
}

export interface CertificateView {
  readonly spiffeId: string;
  /** The node id that its holder gave; "" when it gave none. */
  readonly instance: string;
  readonly serial: string;
  readonly root: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whether a proxy of that id is connected. */
  readonly connected: boolean;
}

/** What a proxy trusts, as far as it has said so. */
export interface BundleView {
  /** `namespace/id`. */
  readonly proxy: string;
  readonly connected: boolean;
  /** Ids of roots; null while nothing is known. */
  readonly roots: readonly string[] | null;
}

export interface RotationView {
  readonly from: string;
  readonly to: string | null;
  readonly state: "running" | "paused" | "finished" | "aborted";
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly steps: readonly RotationStepView[];
  /** What the step under way waits for. */
  readonly blockers: readonly Blocker[];
  /** Who signs changes with it, in words for people; undefined when just the root does. */
  readonly issuer?: { readonly from: string; readonly to: string };
}

export interface RotationStepView {
  readonly step: RotationStep;
  readonly state: "done" | "running" | "waiting";
  readonly doneAt: string | null;
}

/** Somebody who would lose access if the next step were taken. */
export interface Blocker {
  readonly kind: "bundle" | "certificate" | "partner";
  /** A proxy, the holder of a certificate, or a trust domain that the mesh federates with. */
  readonly who: string;
  readonly connected: boolean;
  readonly reason: string;
}

// ---- POST /api/v1/ca/rotation ----

export interface RotationRequest {
  /** `start` begins one, or goes on with the one that is paused. `abort` only before `activate`. */
  readonly action: "start" | "pause" | "abort";
  /** The last step to take before it pauses. Default: all of them. */
  readonly until?: RotationStep | undefined;
  /** Whether to wait for proxies that are not connected, until their certificates have expired. Default: yes. */
  readonly skipDisconnected?: boolean | undefined;
  /** Whether to give the partners of a federation time to fetch the new root. Default: yes. */
  readonly skipPartners?: boolean | undefined;
}

export interface RotationResponse {
  readonly rotation: RotationView;
}

// ---- POST /api/v1/ca/retire ----

export interface RetireRequest {
  readonly root: string;
  readonly skipDisconnected?: boolean | undefined;
}

export interface RetireResponse {
  readonly root: string;
  readonly roots: readonly RootView[];
}
