/** TLS to servers outside the mesh: sidecars speak it for apps that speak plain text. */
import { z } from "zod";
import type { DeepReadonly } from "../object.ts";

export const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const PEM = /^\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

export const originationTls = z.strictObject({
  sni: z
    .string()
    .min(1)
    .max(253)
    .regex(DNS_NAME, { error: "a DNS name in lower case" })
    .optional()
    .describe("The server name that is asked for. Default: the name that is connected to."),
  subjectAltNames: z
    .array(z.string().min(1).max(253))
    .min(1)
    .max(32)
    .optional()
    .describe("DNS names, one of which the certificate must hold. Default: the server name."),
  caCertificates: z
    .string()
    .max(262_144)
    .regex(PEM, { error: "certificates in PEM" })
    .optional()
    .describe("Roots that the certificate must chain to. Default: those of the system."),
});

export type OriginationTls = DeepReadonly<z.output<typeof originationTls>>;
