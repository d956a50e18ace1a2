/**
 * What the CLI shows the control plane: nothing on the unix socket, whose owner is trusted; elsewhere a token from
 * `--token-file`, TULLE_TOKEN or `credentials.json`, and on TLS the certificates to trust and to show.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { usageError } from "../errors.ts";
import { type AdminAddress, tulleHome } from "../find-control-plane.ts";

export const CREDENTIALS_FILE = "credentials.json";

export interface AdminCredentials {
  readonly token?: string;
  /** Roots that the control plane's certificate must come from. */
  readonly caPem?: string;
  readonly clientCertificatePem?: string;
  readonly clientKeyPem?: string;
}

export interface CredentialSources {
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
  /** To show no token, whatever there is. */
  readonly isAnonymous: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One control plane in `credentials.json`. Files are relative to that file's folder. */
export interface StoredCredentials {
  readonly token?: string;
  readonly caFile?: string;
  readonly clientCertificateFile?: string;
  readonly clientKeyFile?: string;
}

/** Throws a usage error that names the file or variable. */
export async function findCredentials(
  address: AdminAddress,
  sources: CredentialSources,
): Promise<AdminCredentials> {
  if (address.kind === "unix") return {};
  const { env, cwd } = sources;
  const stored = await storedFor(address.url, env);
  const home = tulleHome(env);
  const read = async (
    what: string,
    given: string | undefined,
    kept: string | undefined,
  ): Promise<string | undefined> => {
    const path = given === undefined ? kept && resolve(home, kept) : resolve(cwd, given);
    return path === undefined ? undefined : await readText(what, path);
  };
  const token = sources.isAnonymous ? undefined : await findToken(sources, stored);
  const caPem = await read(
    "--ca-file",
    sources.caFile ?? set(env["TULLE_CA_FILE"]),
    stored?.caFile,
  );
  const certificateFile = set(env["TULLE_CLIENT_CERTIFICATE_FILE"]);
  const keyFile = set(env["TULLE_CLIENT_KEY_FILE"]);
  const clientCertificatePem = await read(
    "TULLE_CLIENT_CERTIFICATE_FILE",
    certificateFile,
    stored?.clientCertificateFile,
  );
  const clientKeyPem = await read("TULLE_CLIENT_KEY_FILE", keyFile, stored?.clientKeyFile);
  return {
    ...(token === undefined ? {} : { token }),
    ...(caPem === undefined ? {} : { caPem }),
    ...(clientCertificatePem === undefined ? {} : { clientCertificatePem }),
    ...(clientKeyPem === undefined ? {} : { clientKeyPem }),
  };
}

/** Keeps what was given for this control plane; what was kept before and is not given stays. */
export async function storeCredentials(
  url: string,
  given: { readonly token: string; readonly caFile: string | undefined },
  { env, cwd }: Pick<CredentialSources, "env" | "cwd">,
): Promise<void> {
  const home = tulleHome(env);
  const path = join(home, CREDENTIALS_FILE);
  const all = await readAll(path);
  const caFile = given.caFile ?? set(env["TULLE_CA_FILE"]);
  const kept: StoredCredentials = {
    ...(Object.hasOwn(all, url) ? all[url] : {}),
    token: given.token,
    ...(caFile === undefined ? {} : { caFile: resolve(cwd, caFile) }),
  };
  await mkdir(home, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const text = `${JSON.stringify({ ...all, [url]: kept }, null, 2)}\n`;
  await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
  await rename(temporary, path);
}

async function findToken(
  { tokenFile, cwd, env }: CredentialSources,
  stored: StoredCredentials | undefined,
): Promise<string | undefined> {
  if (tokenFile !== undefined) {
    return checkToken("--token-file", await readText("--token-file", resolve(cwd, tokenFile)));
  }
  const given = set(env["TULLE_TOKEN"]);
  if (given !== undefined) return checkToken("TULLE_TOKEN", given);
  return stored?.token && checkToken(CREDENTIALS_FILE, stored.token);
}

/** A header must not be broken by what a file holds. The token itself is never shown. */
function checkToken(where: string, text: string): string {
  const token = text.trim();
  if (/^[\w.~+/=-]+$/.test(token)) return token;
  throw usageError(`${where} holds no token`, "it is one line, as `tulle token create` prints it");
}

async function storedFor(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<StoredCredentials | undefined> {
  const all = await readAll(join(tulleHome(env), CREDENTIALS_FILE));
  return Object.hasOwn(all, url) ? all[url] : undefined;
}

async function readAll(path: string): Promise<Readonly<Record<string, StoredCredentials>>> {
  const mode = await stat(path).then(
    (found) => found.mode,
    () => undefined,
  );
  if (mode === undefined) return {};
  if ((mode & 0o077) !== 0) {
    throw usageError(`${path} may be read by others`, `run: chmod 600 ${path}`);
  }
  try {
    return JSON.parse(await readFile(path, "utf8")) as Record<string, StoredCredentials>;
  } catch (error) {
    throw usageError(`${path} is no JSON object by address: ${messageOf(error)}`);
  }
}

async function readText(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw usageError(`${what}: cannot read ${path}: ${messageOf(error)}`);
  }
}

function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
