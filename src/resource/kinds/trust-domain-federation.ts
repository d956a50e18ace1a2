/** `mesh.tulle.dev/v1 TrustDomainFederation`: another trust domain whose workloads are known by their own authority. */
import { z } from "zod";
import { parseSpiffeId } from "../../identity/spiffe-id.ts";
import { dnsSubdomain } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { objectRule, stringRule, valueAt } from "../rule.ts";

/** SPIFFE-ID section 2.1. */
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const BUNDLE_LENGTH_MAX = 262_144;

/** SPIFFE Federation section 5.2.1: https, and nobody's name and password in it. */
const endpointUrl = stringRule(z.string().min(1).max(2048), (text, report) => {
  const url = URL.parse(text);
  const isGood = url?.protocol === "https:" && url.username === "" && url.password === "";
  if (isGood) return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be an https URL without a user",
    allowed: "https://mesh.example:8443/",
  });
});

const endpointId = stringRule(z.string().min(1).max(2048), (text, report) => {
  const id = parseSpiffeId(text);
  if (id.ok && id.id === text && id.path !== "") return;
  report({
    path: [],
    code: "invalid-value",
    message: "must be the SPIFFE id of a workload, scheme and trust domain in lower case",
    allowed: "spiffe://shop.example/ns/tulle-system/sa/control-plane",
  });
});

const profile = objectRule(
  z.strictObject({
    type: z
      .enum(["https_web", "https_spiffe"])
      .describe(
        "How the endpoint proves who it is: https_web by a certificate of the web for the URL's host, https_spiffe by its SPIFFE id.",
      ),
    endpointSPIFFEID: endpointId
      .optional()
      .describe("Who the endpoint must be. Required with https_spiffe."),
    caCertificates: z
      .string()
      .min(1)
      .max(65_536)
      .includes("-----BEGIN CERTIFICATE-----", { error: "certificates in PEM" })
      .optional()
      .describe(
        "With https_web: the roots that the endpoint's certificate is under, in PEM. Default: those of the control plane's system.",
      ),
  }),
  (value, report) => {
    const isSpiffe = value["type"] === "https_spiffe";
    if (isSpiffe && value["endpointSPIFFEID"] === undefined) {
      report({
        path: ["endpointSPIFFEID"],
        code: "missing-field",
        message: "is missing: https_spiffe knows the endpoint by it",
        allowed: "spiffe://<trust domain>/ns/tulle-system/sa/control-plane",
      });
    }
    const stray = isSpiffe ? "caCertificates" : "endpointSPIFFEID";
    if (value[stray] === undefined) return;
    report({ path: [stray], message: `has no place with ${String(value["type"])}` });
  },
);

const specSchema = objectRule(
  z.strictObject({
    trustDomain: z
      .string()
      .min(1)
      .max(255)
      .regex(TRUST_DOMAIN, { error: "a SPIFFE trust domain: a-z, 0-9, ., - and _" })
      .describe("The other trust domain: the first part of its workloads' identities."),
    bundleEndpointURL: endpointUrl.describe(
      "Where its bundle is published. Asked as often as the bundle says, else every five minutes.",
    ),
    bundleEndpointProfile: profile.describe("How the endpoint is known."),
    trustDomainBundle: z
      .string()
      .min(1)
      .max(BUNDLE_LENGTH_MAX)
      .optional()
      .describe(
        "Its bundle to begin with, as trust-bundle.json in the folder of its control plane has it, or as `spire-server bundle show -format spiffe` prints it. What the endpoint says replaces it. Needed with https_spiffe where the endpoint belongs to that very trust domain.",
      ),
  }),
  (spec, report) => {
    const id = parseSpiffeId(String(valueAt(spec, "bundleEndpointProfile", "endpointSPIFFEID")));
    const isItsOwn = id.ok && id.trustDomain === spec["trustDomain"];
    if (!isItsOwn || spec["trustDomainBundle"] !== undefined) return;
    report({
      path: ["trustDomainBundle"],
      code: "missing-field",
      message: "is missing: nothing else tells whether the endpoint is who it says",
      allowed: "trust-bundle.json of its control plane",
    });
  },
);

export type TrustDomainFederationSpec = DeepReadonly<z.output<typeof specSchema>>;
export type TrustDomainFederation = MeshObject<
  "TrustDomainFederation",
  TrustDomainFederationSpec,
  ObjectStatus
>;

export const trustDomainFederationKind = defineKind<TrustDomainFederation>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "TrustDomainFederation",
  plural: "trustdomainfederations",
  shortNames: ["tdf"],
  namespaced: false,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Trust in another trust domain, by SPIFFE Federation: its workloads are known by roots that it publishes, and by no other. Nothing is authorised by that: policies say what they may do.",
  status: [{ path: "conditions", description: "Accepted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: TrustDomainFederation
metadata:
  name: partner
spec:
  trustDomain: partner.example
  bundleEndpointURL: https://mesh.partner.example:8443/
  bundleEndpointProfile:
    type: https_web
`,
});
