/** How roots are told apart, by people and in messages: the beginning of the fingerprint of the certificate. */
import { createHash } from "node:crypto";
import type { Certificate } from "./certificate.ts";

const ROOT_ID_CHARACTERS = 16;

/** The first 64 bits of SHA-256 over the DER, in lower case hexadecimal. */
export function rootIdOf(certificate: Pick<Certificate, "der">): string {
  const digest = createHash("sha256").update(certificate.der).digest("hex");
  return digest.slice(0, ROOT_ID_CHARACTERS);
}
