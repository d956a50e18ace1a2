/** For whom a certificate of an instance is: the sidecar, or the app beside it by the Workload API. Both are one identity. */

/** "" is the sidecar's own. */
export const CERTIFICATE_USES = ["", "workload-api"] as const;

export type CertificateUse = (typeof CERTIFICATE_USES)[number];

/** Undefined for what is no use of a certificate. */
export function certificateUse(text: string): CertificateUse | undefined {
  return CERTIFICATE_USES.find((use) => use === text);
}
