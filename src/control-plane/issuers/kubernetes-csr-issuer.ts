/**
 * A signer behind `certificates.k8s.io/v1`: each certificate is a CertificateSigningRequest that is approved (by us only
 * when the configuration says so) and signed by whoever serves the signer's name. Such objects do not say what to trust.
 */
import { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Certificate } from "../../identity/certificate.ts";
import {
  type CertificateIssuer,
  issuerFailed,
  type SignRequest,
} from "../../identity/issuers/certificate-issuer.ts";
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

const API_VERSION = "certificates.k8s.io/v1";
const COLLECTION = `/apis/${API_VERSION}/certificatesigningrequests`;
/** The API server refuses less. */
const LIFETIME_S_MIN = 600;

const signingRequest = z.object({
  status: z.object({ conditions, certificate: z.string().optional() }).default({ conditions: [] }),
});

export interface KubernetesCsrConfig extends ClusterAccessConfig {
  readonly signerName: string;
  /** Roots of the signer. */
  readonly rootsFile: string;
  readonly usages?: readonly string[] | undefined;
  /** Approve what is made: needs the verb `approve` on the signer. */
  readonly approve?: boolean | undefined;
}

export interface KubernetesCsrIssuerOptions extends KubernetesCsrConfig {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class KubernetesCsrIssuer implements CertificateIssuer {
  readonly kind = "kubernetes-csr";
  readonly place: string;
  readonly notAfterMs = undefined;
  readonly #options: KubernetesCsrIssuerOptions;
  readonly #listeners: (() => void)[] = [];
  readonly #rootsFile: RootsFile;

  constructor(options: KubernetesCsrIssuerOptions) {
    this.#options = options;
    this.place = options.signerName;
    const onRead = (): void => {
      for (const listener of this.#listeners) listener();
    };
    this.#rootsFile = new RootsFile({ ...options, path: options.rootsFile, onRead });
  }

  get roots(): readonly Certificate[] {
    return this.#rootsFile.roots;
  }

  get finding(): string | undefined {
    return this.#rootsFile.finding;
  }

  async open(): Promise<void> {
    this.#rootsFile.open();
    // A configuration that never works is seen at the start.
    readClusterAccess(this.#options);
  }

  async sign(request: SignRequest, signal: AbortSignal): Promise<readonly Buffer[]> {
    const { clock, log, approve = false } = this.#options;
    const body = this.#object(request);
    const api = new KubernetesApi(readClusterAccess(this.#options));
    const approved = async (created: unknown, path: string): Promise<void> => {
      await api.call("PUT", `${path}/approval`, signal, withApproval(created, request.spiffeId));
    };
    try {
      const afterCreate = approve ? { afterCreate: approved } : {};
      const read = (object: unknown): ObjectVerdict<readonly Buffer[]> => verdictOf(object);
      return await signByObject(
        { api, collection: COLLECTION, body, read, ...afterCreate, clock, log },
        signal,
      );
    } finally {
      api.close();
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#rootsFile.close();
  }

  #object(request: SignRequest): object {
    const { signerName, usages = USAGES_DEFAULT } = this.#options;
    const lifetimeS = Math.max(LIFETIME_S_MIN, Math.floor(request.lifetimeMs / 1000));
    return {
      apiVersion: API_VERSION,
      kind: "CertificateSigningRequest",
      metadata: {
        generateName: "tulle-",
        labels: MANAGED_BY,
        annotations: { [SPIFFE_ID_ANNOTATION]: request.spiffeId },
      },
      spec: { request: requestText(request), signerName, expirationSeconds: lifetimeS, usages },
    };
  }
}

/** `Denied` and `Failed` are for good; a certificate without `Approved` does not occur. */
function verdictOf(object: unknown): ObjectVerdict<readonly Buffer[]> {
  const { status } = understood(signingRequest, object);
  for (const type of ["Denied", "Failed"]) {
    const why = conditionText(status.conditions, type);
    if (why !== undefined) throw issuerFailed(`the request is ${type}: ${why}`, false);
  }
  if (status.certificate !== undefined && status.certificate !== "") {
    return { isSigned: true, value: certificatesIn(status.certificate) };
  }
  const isApproved = conditionText(status.conditions, "Approved") !== undefined;
  const waitsFor = isApproved
    ? "no signer has signed it: does one run for this signerName?"
    : "nobody has approved it: does an approver run for this signerName?";
  return { isSigned: false, waitsFor };
}

function withApproval(created: unknown, spiffeId: string): object {
  const object = created as { readonly status?: object };
  const condition = {
    type: "Approved",
    status: "True",
    reason: "TulleAuthenticated",
    message: `the control plane has authenticated ${spiffeId}`,
  };
  return { ...object, status: { ...object.status, conditions: [condition] } };
}
