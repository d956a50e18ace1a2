/**
 * cert-manager as the issuer: each certificate is a CertificateRequest (`cert-manager.io/v1`) for an Issuer or
 * ClusterIssuer. Roots come from a file, or, where the issuer tells them, from `status.ca`.
 */
import { generateKeyPairSync } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import { type Certificate, parseCertificate } from "../../identity/certificate.ts";
import { createCsr, publicKeyFromCsr } from "../../identity/csr.ts";
import {
  type CertificateIssuer,
  issuerFailed,
  type SignRequest,
} from "../../identity/issuers/certificate-issuer.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { workloadSpiffeId } from "../../identity/spiffe-id.ts";
import { type ClusterAccessConfig, readClusterAccess } from "./cluster-access.ts";
import { KubernetesApi } from "./kubernetes-api.ts";
import { RootsFile } from "./roots-file.ts";
import {
  certificatesIn,
  conditions,
  conditionText,
  MANAGED_BY,
  type ObjectVerdict,
  requestText,
  SPIFFE_ID_ANNOTATION,
  signByObject,
  USAGES_DEFAULT,
  understood,
} from "./signing-object.ts";

const API_VERSION = "cert-manager.io/v1";
/** What the first certificate is for, where only a certificate shows the root. Nobody keeps its key. */
const PROBE_LIFETIME_MS = 3_600_000;
/** Old ones may go on to sign for a while. */
const TOLD_ROOTS_MAX = 4;

const certificateRequest = z.object({
  status: z
    .object({ conditions, certificate: z.string().optional(), ca: z.string().optional() })
    .default({ conditions: [] }),
});

export interface CertManagerConfig extends ClusterAccessConfig {
  /** Of the CertificateRequests, and of the issuer unless it is a ClusterIssuer. */
  readonly namespace: string;
  readonly issuerRef: {
    readonly name: string;
    readonly kind?: string | undefined;
    readonly group?: string | undefined;
  };
  readonly usages?: readonly string[] | undefined;
  /** Roots of the issuer; undefined: as it tells them. */
  readonly rootsFile?: string | undefined;
}

export interface CertManagerIssuerOptions extends CertManagerConfig {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Signed {
  readonly chain: readonly Buffer[];
  readonly told: readonly Buffer[];
}

export class CertManagerIssuer implements CertificateIssuer {
  readonly kind = "cert-manager";
  readonly place: string;
  readonly notAfterMs = undefined;
  readonly #options: CertManagerIssuerOptions;
  readonly #listeners: (() => void)[] = [];
  readonly #rootsFile: RootsFile | undefined;
  #toldRoots: readonly Certificate[] = [];

  constructor(options: CertManagerIssuerOptions) {
    this.#options = options;
    const { namespace, issuerRef, rootsFile: path } = options;
    const kind = issuerRef.kind ?? "Issuer";
    this.place = `${kind} ${kind === "ClusterIssuer" ? "" : `${namespace}/`}${issuerRef.name}`;
    const onRead = (): void => this.#changed();
    this.#rootsFile = path === undefined ? undefined : new RootsFile({ ...options, path, onRead });
  }

  get roots(): readonly Certificate[] {
    return this.#rootsFile?.roots ?? this.#toldRoots;
  }

  get finding(): string | undefined {
    return this.#rootsFile?.finding;
  }

  async open(signal: AbortSignal): Promise<void> {
    if (this.#rootsFile !== undefined) {
      this.#rootsFile.open();
      readClusterAccess(this.#options);
      return;
    }
    await this.sign(this.#probe(), signal);
    if (this.#toldRoots.length === 0) {
      throw issuerFailed(`${this.place} does not tell its root: name it with rootsFile`, false);
    }
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<readonly Buffer[]> {
    const { namespace, clock, log } = this.#options;
    const body = this.#object(request);
    const api = new KubernetesApi(readClusterAccess(this.#options));
    const collection = `/apis/${API_VERSION}/namespaces/${encodeURIComponent(namespace)}/certificaterequests`;
    try {
      const read = (object: unknown): ObjectVerdict<Signed> => verdictOf(object);
      const { chain, told } = await signByObject(
        { api, collection, body, read, clock, log },
        signal,
      );
      this.#learn(told);
      return chain;
    } finally {
      api.close();
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#rootsFile?.close();
  }

  #object(request: SignRequest): object {
    const { namespace, issuerRef, usages = USAGES_DEFAULT } = this.#options;
    const { name, kind = "Issuer", group = "cert-manager.io" } = issuerRef;
    return {
      apiVersion: API_VERSION,
      kind: "CertificateRequest",
      metadata: {
        namespace,
        generateName: "tulle-",
        labels: MANAGED_BY,
        annotations: { [SPIFFE_ID_ANNOTATION]: request.spiffeId },
      },
      spec: {
        request: requestText(request),
        issuerRef: { name, kind, group },
        duration: `${Math.max(1, Math.floor(request.lifetimeMs / 1000))}s`,
        usages,
        isCA: false,
      },
    };
  }

  /** `status.ca` is best effort: an intermediate in it is no root, and whether a root signed is checked by the path. */
  #learn(told: readonly Buffer[]): void {
    if (this.#rootsFile !== undefined) return;
    const roots = told
      .map((der) => parseCertificate(der))
      .filter((one) => one.subjectDer.equals(one.issuerDer));
    const known = new Set(this.#toldRoots.map(rootIdOf));
    const fresh = roots.filter((root) => !known.has(rootIdOf(root)));
    if (fresh.length === 0) return;
    this.#toldRoots = [...this.#toldRoots, ...fresh].slice(-TOLD_ROOTS_MAX);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #probe(): SignRequest {
    const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { trustDomain } = this.#options;
    const name = { namespace: "tulle-system", serviceAccount: "probe" };
    const spiffeId = workloadSpiffeId({ trustDomain, ...name });
    const csrDer = createCsr(keys, spiffeId);
    const publicKey = publicKeyFromCsr(csrDer);
    return { spiffeId, publicKey, csrDer, lifetimeMs: PROBE_LIFETIME_MS, dnsNames: [] };
  }
}

/** cert-manager's conditions: `Ready` false is final by its reason; `Denied` and `InvalidRequest` are final. */
function verdictOf(object: unknown): ObjectVerdict<Signed> {
  const { status } = understood(certificateRequest, object);
  for (const type of ["Denied", "InvalidRequest"]) {
    const why = conditionText(status.conditions, type);
    if (why !== undefined) throw issuerFailed(`the request is ${type}: ${why}`, false);
  }
  const unready = status.conditions.find((one) => one.type === "Ready" && one.status === "False");
  if (unready?.reason === "Failed" || unready?.reason === "Denied") {
    const why = conditionText(status.conditions, "Ready", "False");
    throw issuerFailed(`the request has failed: ${why}`, false);
  }
  const { certificate = "", ca = "" } = status;
  if (certificate !== "" && conditionText(status.conditions, "Ready") !== undefined) {
    const told = ca === "" ? [] : certificatesIn(ca);
    return { isSigned: true, value: { chain: certificatesIn(certificate), told } };
  }
  const isApproved = conditionText(status.conditions, "Approved") !== undefined;
  const pending = unready?.message === undefined ? "" : ` (${unready.message})`;
  const waitsFor = isApproved
    ? `the issuer has not signed it${pending}`
    : `nobody has approved it${pending}: does cert-manager's approver run?`;
  return { isSigned: false, waitsFor };
}
