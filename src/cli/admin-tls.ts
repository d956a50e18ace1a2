/** The CLI's side of the admin API's TLS: the roots that it was given, and the control plane's identity in place of a host name. */
import type { SecureContextOptions } from "node:tls";
import { parseCertificate } from "../identity/certificate.ts";
import { parseSpiffeId } from "../identity/spiffe-id.ts";
import type { AdminCredentials } from "./access/credentials.ts";

/** Whose certificate it must be, in the trust domain that the given roots vouch for. */
const CONTROL_PLANE_PATH = "/ns/tulle-system/sa/control-plane";

export interface AdminTlsOptions extends SecureContextOptions {
  readonly checkServerIdentity: (
    host: string,
    certificate: { readonly raw: Buffer },
  ) => Error | undefined;
}

/** For `https.request`. OpenSSL checks the chain against the roots; whose it is, is checked here. */
export function adminTlsOptions(credentials: AdminCredentials): AdminTlsOptions {
  const { caPem, clientCertificatePem, clientKeyPem } = credentials;
  return {
    minVersion: "TLSv1.3",
    // Without roots nobody is trusted: the public web's have no say about a mesh.
    ca: caPem ?? [],
    ...(clientCertificatePem === undefined ? {} : { cert: clientCertificatePem }),
    ...(clientKeyPem === undefined ? {} : { key: clientKeyPem }),
    checkServerIdentity: (_host, { raw }) => {
      const [uri = ""] = parseCertificate(raw).extensions.alternativeNames?.uris ?? [];
      const id = parseSpiffeId(uri);
      if (id.ok && id.path === CONTROL_PLANE_PATH) return undefined;
      return new Error(`it shows the identity "${uri}", which is no control plane`);
    },
  };
}
