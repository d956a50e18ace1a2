/**
 * `tulle dashboard`: where the control plane's web page is, and a browser that shows it. Where the page needs a token, it
 * is handed over behind `#`, which browsers send to nobody, and by a file that only its owner reads: what programs are
 * started with is seen by everybody on the machine.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AdminRole } from "../../control-plane/access-types.ts";
import { findCredentials } from "../access/credentials.ts";
import { createAdminClient } from "../admin-client.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import {
  findControlPlane,
  isProcessAlive,
  parseAdminAddress,
  tulleHome,
} from "../find-control-plane.ts";
import { openBrowser } from "../open-browser.ts";
import { writeResult } from "../output/write-result.ts";

/** A day of work. */
const TOKEN_TTL_SECONDS = 8 * 3600;
const ROLES = ["viewer", "operator", "admin"] as const satisfies readonly AdminRole[];

export const command: Command = {
  name: "dashboard",
  summary: "Open the dashboard in a browser",
  description: `Prints the address of the dashboard and opens it. The control plane serves it at its admin address, and it shows what the admin API tells whoever looks: on this machine everybody may read, unless MeshConfig spec.access says otherwise.

Where a token is needed, the one of --token-file, TULLE_TOKEN or \`tulle login\` is handed over to the page, which keeps it until its tab is closed. Without one, and with the owner's socket, a token of eight hours is made. --role makes one in any case, so that the page may change things.`,
  examples: [
    { line: "tulle dashboard", summary: "Print the address and open it" },
    { line: "tulle dashboard --no-open", summary: "Only print it" },
    {
      line: "tulle dashboard --role operator",
      summary: "May change routes and splits from the page",
    },
  ],
  options: [
    { name: "no-open", summary: "Print the address, open nothing" },
    {
      name: "role",
      value: "ROLE",
      choices: ROLES,
      summary: "What the page may do: makes a token of eight hours",
      completion: { kind: "words", words: ROLES },
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const url = await dashboardUrl(context);
  const role = input.optionalString("role") as AdminRole | undefined;
  const token = await tokenFor(context, url, role);
  const address = token === undefined ? url : `${url}#token=${token}`;
  await writeResult(context, { data: { url, address }, table: () => `${address}\n` });
  if (!input.isSet("no-open")) {
    openBrowser(token === undefined ? url : await redirectFile(context, address));
  }
  return EXIT_OK;
}

/** `http://127.0.0.1:7700/`. */
async function dashboardUrl({ globals, env }: CliContext): Promise<string> {
  const { controlPlane, mesh } = globals;
  if (controlPlane === undefined) {
    const { adminUrl } = await findControlPlane({ mesh, env, isAlive: isProcessAlive });
    return `${adminUrl}/`;
  }
  const address = parseAdminAddress(controlPlane);
  if (address.kind === "tcp") return `${address.url}/`;
  throw usageError(
    "a browser cannot open a unix socket",
    "leave --control-plane out, or name http://HOST:PORT or https://HOST:PORT",
  );
}

/** What the page has to show; undefined when it may read without. */
async function tokenFor(
  context: CliContext,
  url: string,
  role: AdminRole | undefined,
): Promise<string | undefined> {
  const { globals, cwd, env } = context;
  if (role !== undefined) return await makeToken(context, role);
  const origin = { kind: "tcp", url: new URL(url).origin } as const;
  const found = await findCredentials(origin, { ...globals, cwd, env, isAnonymous: false });
  if (found.token !== undefined) return found.token;
  const isOpen = await createAdminClient(origin, undefined, found)
    .whoami()
    .then(
      () => true,
      () => false,
    );
  if (isOpen || globals.controlPlane !== undefined) return undefined;
  return await makeToken(context, "viewer");
}

async function makeToken(context: CliContext, role: AdminRole): Promise<string> {
  const admin = await context.adminClient();
  const name = `dashboard-${randomBytes(4).toString("hex")}`;
  const { token } = await admin.createToken({ name, role, ttlSeconds: TOKEN_TTL_SECONDS });
  if (!context.globals.isQuiet) {
    context.stderr.write(`made the token ${name}: ${role}, for eight hours\n`);
  }
  return token;
}

/** A page that leads on to the address. It replaces that of the last time. */
async function redirectFile({ env }: CliContext, address: string): Promise<string> {
  const home = tulleHome(env);
  const path = join(home, "open-dashboard.html");
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const page = `<!doctype html><meta http-equiv="refresh" content="0;url=${address}">\n`;
  await writeFile(temporary, page, { mode: 0o600, flag: "wx" });
  await rename(temporary, path);
  return path;
}
