/** `tulle down`: stops a `tulle up` that runs in another terminal. */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { CliError, usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { tulleHome } from "../find-control-plane.ts";
import { findUp, stopUp, type UpFile } from "./up-socket.ts";

export const command: Command = {
  name: "down",
  summary: "Stop what `tulle up` runs",
  description: `Asks the running \`tulle up\` (or \`tulle demo\`) to stop and waits until it is gone: services in reverse order, then the control plane when it was started by it. The state of the mesh stays for the next time.`,
  examples: [
    { line: "tulle down", summary: "Stop the only application that runs" },
    { line: "tulle down --mesh shop", summary: "Stop the one of this mesh" },
  ],
  run,
};

async function run(context: CliContext): Promise<number> {
  const { stateFolder, up } = await choose(context);
  if (!context.globals.isQuiet) context.stderr.write(`stopping ${up.file} (pid ${up.pid})\n`);
  await stopUp(stateFolder, context.signal);
  return EXIT_OK;
}

interface Choice {
  readonly stateFolder: string;
  readonly up: UpFile;
}

async function choose(context: CliContext): Promise<Choice> {
  const home = tulleHome(context.env);
  const { mesh } = context.globals;
  const names = mesh === undefined ? await readdir(home).catch(() => []) : [mesh];
  const found: (Choice & { readonly name: string })[] = [];
  for (const name of names) {
    const stateFolder = resolve(join(home, name));
    const up = await findUp(stateFolder);
    if (up !== undefined) found.push({ name, stateFolder, up });
  }
  const [only, ...others] = found;
  if (only === undefined) {
    const where = mesh === undefined ? "" : ` in mesh ${mesh}`;
    throw new CliError("CLI_CANNOT_CONNECT", `nothing that \`tulle up\` started runs${where}`);
  }
  if (others.length === 0) return only;
  throw usageError(
    `several applications run: ${found.map(({ name }) => name).join(", ")}`,
    "choose one with --mesh NAME",
  );
}
