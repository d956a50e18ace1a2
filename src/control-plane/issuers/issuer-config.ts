/**
 * Who signs the mesh's certificates, as `--issuer-file` says: YAML with one issuer. Paths in it are relative to the file;
 * secrets are never in it but in files that it names.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import { controlPlaneError } from "../errors.ts";
import { inPodAccess } from "./cluster-access.ts";

const OPTION = "--issuer-file";
const file = z.string().min(1);

const fileIssuer = z.strictObject({
  kind: z.literal("file"),
  certificateFile: file,
  keyFile: file,
  rootsFile: file,
});

/** A token is worth as much as a key: it goes by TLS, or not off this machine. */
const address = z.url({ protocol: /^https?$/ }).refine(
  (text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === "https:" || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
  },
  { message: "http:// is for loopback addresses only: use https://" },
);

const vaultIssuer = z.strictObject({
  kind: z.literal("vault"),
  address,
  mount: z.string().min(1).default("pki"),
  role: z.string().min(1),
  tokenFile: file,
  caFile: file.optional(),
  namespace: z.string().min(1).optional(),
  rootsFile: file.optional(),
});

const istioIssuer = z.strictObject({
  kind: z.literal("istio"),
  address: z.string().regex(/^[^\s/]+:\d+$/, "is not HOST:PORT"),
  tokenFile: file,
  rootsFile: file,
  caFile: file.optional(),
  serverName: z.string().min(1).optional(),
  clusterId: z.string().min(1).optional(),
});

/** How to reach a Kubernetes API server; nothing of it: as a pod is told. */
const cluster = {
  kubeconfigFile: file.optional(),
  context: z.string().min(1).optional(),
  server: z.url({ protocol: /^https$/, error: "is not https://HOST:PORT" }).optional(),
  tokenFile: file.optional(),
  caFile: file.optional(),
};
const usages = z.array(z.string().min(1)).min(1).max(16).optional();

const kubernetesCsrIssuer = z.strictObject({
  kind: z.literal("kubernetes-csr"),
  ...cluster,
  // As the API server has it: a domain, a slash, a path.
  signerName: z
    .string()
    .max(571)
    .regex(/^[a-z0-9.-]+\/[\w./-]+$/i, "is not DOMAIN/NAME"),
  rootsFile: file,
  usages,
  approve: z.boolean().default(false),
});

const certManagerIssuer = z.strictObject({
  kind: z.literal("cert-manager"),
  ...cluster,
  namespace: z.string().min(1).max(63),
  issuerRef: z.strictObject({
    name: z.string().min(1),
    kind: z.string().min(1).default("Issuer"),
    group: z.string().min(1).default("cert-manager.io"),
  }),
  usages,
  rootsFile: file.optional(),
});

const spireIssuer = z.strictObject({
  kind: z.literal("spire"),
  server: z.string().regex(/^[^\s/]+:\d+$/, "is not HOST:PORT"),
  // As SPIFFE_ENDPOINT_SOCKET has it; an agent on another machine would not know who is asking.
  workloadApi: z.string().regex(/^unix:(\/\/)?\/./, "is not unix:///PATH"),
});

const issuer = z.discriminatedUnion("kind", [
  fileIssuer,
  vaultIssuer,
  istioIssuer,
  kubernetesCsrIssuer,
  certManagerIssuer,
  spireIssuer,
]);

export type IssuerConfig = z.infer<typeof issuer>;

/** One that was read before, as it was written down: paths are absolute. Throws when it is none. */
export function parseIssuerConfig(value: unknown): IssuerConfig {
  return issuer.parse(value);
}

/** Throws `option-invalid` with everything that is wrong. `env` is what a pod is told its API server by. */
export function readIssuerConfig(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): IssuerConfig {
  let value: unknown;
  try {
    value = parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw invalid(`${path} cannot be read: ${messageOf(error)}`);
  }
  const result = issuer.safeParse(value);
  if (!result.success) {
    const problems = result.error.issues.map(
      ({ path: at, message }) => `${at.map(String).join(".") || "the document"}: ${message}`,
    );
    throw invalid(`${path}: ${problems.join("; ")}`);
  }
  return withCluster(withAbsolutePaths(result.data, dirname(resolve(path))), path, env);
}

function withCluster(
  config: IssuerConfig,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): IssuerConfig {
  if (config.kind !== "kubernetes-csr" && config.kind !== "cert-manager") return config;
  const { kubeconfigFile, context, server, tokenFile, caFile } = config;
  if (kubeconfigFile !== undefined && (server ?? tokenFile ?? caFile) !== undefined) {
    throw invalid(`${path}: kubeconfigFile says it all: leave server, tokenFile and caFile out`);
  }
  if (kubeconfigFile === undefined && context !== undefined) {
    throw invalid(`${path}: context: is one of a kubeconfigFile, which is missing`);
  }
  const access = inPodAccess(config, env);
  if (access === undefined) {
    throw invalid(
      `${path}: there is no KUBERNETES_SERVICE_HOST, so this is no pod: set kubeconfigFile, or server, tokenFile and caFile`,
    );
  }
  return { ...config, ...access };
}

function withAbsolutePaths(config: IssuerConfig, folder: string): IssuerConfig {
  const entries = Object.entries(config).map(([name, value]) => {
    const isPath = name.endsWith("File") && typeof value === "string";
    return [name, isPath ? resolve(folder, value) : value];
  });
  return Object.fromEntries(entries) as IssuerConfig;
}

function invalid(message: string): Error {
  return controlPlaneError({ code: "option-invalid", option: OPTION }, `${OPTION}: ${message}`);
}
