/** `mesh.tulle.dev/v1 WorkloadAttestor`: whose word, beside join tokens, the control plane takes for who a workload is. */
import { z } from "zod";
import { dnsSubdomain, duration } from "../fields.ts";
import { defineKind } from "../kind.ts";
import type { DeepReadonly, MeshObject, ObjectStatus } from "../object.ts";
import { objectRule, stringRule } from "../rule.ts";

const KEYS_LENGTH_MAX = 65_536;
/** `{claim}` stands for the text of a claim, `{a.b}` for one inside another. */
const TEMPLATE = /^(?:[a-z0-9-]|\{[A-Za-z0-9_./:-]+\})+$/;

const url = (example: string) =>
  stringRule(z.string().min(1).max(2048), (text, report) => {
    const parsed = URL.parse(text);
    const isUrl = parsed?.protocol === "https:" || parsed?.protocol === "http:";
    if (isUrl && parsed.username === "" && parsed.password === "") return;
    report({
      path: [],
      code: "invalid-value",
      message: "must be an http or https URL without a user",
      allowed: example,
    });
  });

const template = () =>
  z.string().min(1).max(256).regex(TEMPLATE, {
    error: "lower-case letters, digits and dashes, with {claim} where a claim's text belongs",
  });

const audiences = z.array(z.string().min(1).max(512)).min(1).max(16);

const jwt = objectRule(
  z.strictObject({
    issuer: z.string().min(1).max(2048).describe("The claim iss, character by character."),
    audiences: audiences.describe(
      "One of them must be in the claim aud. A token for somebody else is never taken.",
    ),
    jwksUri: url("https://issuer.example/keys")
      .optional()
      .describe("Where its keys are. Default: where the issuer's discovery document says."),
    jwks: z
      .string()
      .min(1)
      .max(KEYS_LENGTH_MAX)
      .optional()
      .describe("Instead of jwksUri: the key set itself, as JSON."),
    claims: z
      .record(z.string().min(1).max(256), z.array(z.string().max(1024)).min(1).max(64))
      .default({})
      .describe("Claims that a token must have, each with one of these values."),
    namespace: template().describe("Of the identity; {claim} takes the text of a claim."),
    serviceAccount: template().describe("Of the identity; {claim} takes the text of a claim."),
    lifetimeMax: duration({ minMs: 60_000, maxMs: 31 * 86_400_000 })
      .default("24h")
      .describe("Tokens that are valid for longer from now on are refused."),
  }),
  (value, report) => {
    if (value["jwks"] === undefined || value["jwksUri"] === undefined) return;
    report({ path: ["jwks"], message: "must not be set beside jwksUri" });
  },
);

const kubernetes = z.strictObject({
  server: url("https://10.0.0.1:6443").describe("The API server of the cluster."),
  caCertificates: z
    .string()
    .min(1)
    .max(65_536)
    .includes("-----BEGIN CERTIFICATE-----", { error: "certificates in PEM" })
    .optional()
    .describe("Roots of the API server, in PEM. Default: those of the control plane's system."),
  tokenFile: z
    .string()
    .regex(/^\/\S+$/, { error: "an absolute path" })
    .default("/var/run/secrets/kubernetes.io/serviceaccount/token")
    .describe(
      "The control plane's own token for the API server, which must allow it to create TokenReviews. Read anew for each review.",
    ),
  audiences: audiences
    .default(["tulle"])
    .describe("What the tokens of workloads must be for: a projected token with this audience."),
  namespaces: z
    .array(z.string().min(1).max(63))
    .max(256)
    .default([])
    .describe("Namespaces whose service accounts may join. Default: all."),
});

const unix = z.strictObject({
  socketPath: z
    .string()
    .max(98)
    .regex(/^\/\S+$/, { error: "an absolute path" })
    .describe(
      "A socket for this one identity, in a folder that exists: whoever can open it is that workload.",
    ),
  groupId: z
    .int()
    .min(0)
    .max(4_294_967_294)
    .optional()
    .describe("A group whose members may open it besides its owner. Default: its owner alone."),
  namespace: z.string().min(1).max(63).default("default").describe("Of the identity."),
  serviceAccount: dnsSubdomain().describe("Of the identity."),
});

const x509 = z.strictObject({
  caCertificates: z
    .string()
    .min(1)
    .max(65_536)
    .includes("-----BEGIN CERTIFICATE-----", { error: "certificates in PEM" })
    .describe("Roots of the other authority, in PEM."),
  dnsNames: z
    .array(
      z
        .string()
        .min(1)
        .max(253)
        .regex(/^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/, {
          error: "a DNS name in lower case, or *. and one",
        }),
    )
    .min(1)
    .max(64)
    .describe("One of them must be a DNS name of the certificate; *. stands for one label."),
  namespace: template().describe("Of the identity; {dns} takes the first label of the DNS name."),
  serviceAccount: template().describe(
    "Of the identity; {dns} takes the first label of the DNS name.",
  ),
});

const WAYS = ["jwt", "kubernetes", "unix", "x509"] as const;

const specSchema = objectRule(
  z.strictObject({
    jwt: jwt.optional().describe("Tokens of an issuer, as those of a CI system or a cloud."),
    kubernetes: kubernetes
      .optional()
      .describe("Tokens of service accounts, judged by the cluster itself (TokenReview)."),
    x509: x509
      .optional()
      .describe("Certificates of another authority, such as those that machines have."),
    unix: unix.optional().describe("Who can open a socket on the control plane's machine."),
  }),
  (value, report) => {
    const named = WAYS.filter((name) => value[name] !== undefined);
    if (named.length === 1) return;
    report({
      path: [],
      code: named.length === 0 ? "missing-field" : "invalid-value",
      message: `needs one of ${WAYS.join(", ")}${named.length === 0 ? "" : ` and has ${named.join(" and ")}`}`,
    });
  },
);

export type WorkloadAttestorSpec = DeepReadonly<z.output<typeof specSchema>>;
export type JwtAttestor = NonNullable<WorkloadAttestorSpec["jwt"]>;
export type KubernetesAttestor = NonNullable<WorkloadAttestorSpec["kubernetes"]>;
export type CertificateAttestor = NonNullable<WorkloadAttestorSpec["x509"]>;
export type UnixAttestor = NonNullable<WorkloadAttestorSpec["unix"]>;
export type WorkloadAttestor = MeshObject<"WorkloadAttestor", WorkloadAttestorSpec, ObjectStatus>;

export const workloadAttestorKind = defineKind<WorkloadAttestor>({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "WorkloadAttestor",
  plural: "workloadattestors",
  shortNames: ["wa"],
  namespaced: false,
  name: dnsSubdomain(),
  spec: specSchema,
  description:
    "Lets workloads join by another proof than a join token: a token of an issuer, a service account of a Kubernetes cluster, a certificate of another authority, or a socket of their own. What the proof says decides the identity; the sidecar sends it as it would a join token (--join-token-file, --join-certificate-file, --join-socket).",
  status: [{ path: "conditions", description: "Accepted." }],
  example: `apiVersion: mesh.tulle.dev/v1
kind: WorkloadAttestor
metadata:
  name: cluster-a
spec:
  kubernetes:
    server: https://10.0.0.1:6443
    audiences: [tulle]
`,
});
