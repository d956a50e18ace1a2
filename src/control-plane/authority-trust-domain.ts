/** Whose authority lies in a state directory: it decides the trust domain, and MeshConfig only before it is made. */
import { readFileSync } from "node:fs";
import { parseCertificate } from "../identity/certificate.ts";
import { parsePem } from "../identity/pem.ts";
import { parseSpiffeId } from "../identity/spiffe-id.ts";

/** Undefined when there is no authority yet, or none that can be read: opening it then says what is wrong. */
export function authorityTrustDomain(certificatePath: string): string | undefined {
  try {
    const [der] = parsePem(readFileSync(certificatePath, "utf8"), "CERTIFICATE");
    if (der === undefined) return undefined;
    const [uri] = parseCertificate(der).extensions.alternativeNames?.uris ?? [];
    const id = parseSpiffeId(uri ?? "");
    return id.ok ? id.trustDomain : undefined;
  } catch {
    return undefined;
  }
}
