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

const issuer = z.discriminatedUnion("kind", [fileIssuer, vaultIssuer, istioIssuer]);

export type IssuerConfig = z.infer<typeof issuer>;

/** Throws `option-invalid` with everything that is wrong. */
export function readIssuerConfig(path: string): IssuerConfig {
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
  return withAbsolutePaths(result.data, dirname(resolve(path)));
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
