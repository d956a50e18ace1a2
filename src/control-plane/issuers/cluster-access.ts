/**
 * Where a Kubernetes API server is and how to be let in: by a kubeconfig, by fields, or as a pod is told. Read at each
 * use: service account tokens are replaced every hour, client certificates too.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { assert } from "../../core/assert.ts";
import { messageOf } from "../../core/errors.ts";
import { issuerFailed } from "../../identity/issuers/certificate-issuer.ts";
import { readSecret, readText } from "./secret-file.ts";

/** What the kubelet mounts into a pod. */
const POD_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface ClusterAccessConfig {
  readonly kubeconfigFile?: string | undefined;
  /** Of the kubeconfig; default: its current context. */
  readonly context?: string | undefined;
  /** `https://HOST:PORT`. */
  readonly server?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

export interface ClusterAccess {
  /** Without a slash at the end. */
  readonly server: string;
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
  readonly token: string | undefined;
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
}

const cluster = z.object({
  server: z.string().regex(/^https:\/\//, "is not https://"),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.literal(false, "is never done here").optional(),
  "tls-server-name": z.string().optional(),
});
const user = z.object({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  exec: z.undefined("is not run here: use a token or a certificate").optional(),
  "auth-provider": z.undefined("is not known here: use a token or a certificate").optional(),
});
const kubeconfig = z.object({
  "current-context": z.string().optional(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }),
  ),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })),
});

/** Throws `issuer-failed`, with the field that is wrong; what is secret is in no message. */
export function readClusterAccess(config: ClusterAccessConfig): ClusterAccess {
  const { kubeconfigFile, context, server, tokenFile, caFile } = config;
  if (kubeconfigFile !== undefined) return fromKubeconfig(kubeconfigFile, context);
  assert(server !== undefined && tokenFile !== undefined, "the configuration was completed");
  return {
    server: server.replace(/\/+$/, ""),
    ca: caFile === undefined ? undefined : readText(caFile),
    serverName: undefined,
    token: readSecret(tokenFile),
    certificate: undefined,
  };
}

/** What the kubelet tells every pod, in the place of what the configuration leaves out. Undefined: this is no pod. */
export function inPodAccess(
  config: ClusterAccessConfig,
  env: Readonly<Record<string, string | undefined>>,
): ClusterAccessConfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const { kubeconfigFile, server, tokenFile, caFile } = config;
  if (kubeconfigFile !== undefined) return config;
  if (server === undefined && host === undefined) return undefined;
  return {
    server: server ?? `https://${host?.includes(":") ? `[${host}]` : host}:${port}`,
    tokenFile: tokenFile ?? `${POD_FOLDER}/token`,
    caFile: caFile ?? `${POD_FOLDER}/ca.crt`,
  };
}

function fromKubeconfig(path: string, wanted: string | undefined): ClusterAccess {
  const refuse = (problem: string): Error => issuerFailed(`${path}: ${problem}`, false);
  const config = understood(kubeconfig, parseYaml(path), path);
  const contextName = wanted ?? config["current-context"];
  const context = config.contexts.find(({ name }) => name === contextName)?.context;
  if (context === undefined) throw refuse(`there is no context ${contextName ?? "(none is set)"}`);
  const foundCluster = config.clusters.find(({ name }) => name === context.cluster);
  const foundUser = config.users.find(({ name }) => name === context.user);
  if (foundCluster === undefined) throw refuse(`there is no cluster ${context.cluster}`);
  if (foundUser === undefined) throw refuse(`there is no user ${context.user}`);
  const at = understood(cluster, foundCluster.cluster, `${path}: cluster ${context.cluster}`);
  const who = understood(user, foundUser.user, `${path}: user ${context.user}`);
  // Paths are relative to the kubeconfig.
  const data = (base64: string | undefined, file: string | undefined): string | undefined => {
    if (base64 !== undefined) return Buffer.from(base64, "base64").toString("utf8");
    return file === undefined ? undefined : readText(resolve(dirname(path), file));
  };
  const cert = data(who["client-certificate-data"], who["client-certificate"]);
  const key = data(who["client-key-data"], who["client-key"]);
  const { token, tokenFile } = who;
  const fileToken = tokenFile && readSecret(resolve(dirname(path), tokenFile));
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  if (certificate === undefined && fileToken === undefined && token === undefined) {
    throw refuse(`user ${context.user} has neither a token nor a client certificate with its key`);
  }
  return {
    server: at.server.replace(/\/+$/, ""),
    ca: data(at["certificate-authority-data"], at["certificate-authority"]),
    serverName: at["tls-server-name"],
    token: fileToken ?? token,
    certificate,
  };
}

function parseYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw issuerFailed(`${path} cannot be read: ${messageOf(error).split("\n")[0]}`, true);
  }
}

function understood<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.map(String).join(".") || "the document"}: ${message}`,
  );
  throw issuerFailed(`${where}: ${problems.join("; ")}`, false);
}
