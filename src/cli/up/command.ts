/** `tulle up`: a whole application from its mesh.yaml, until it is told to stop. */
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { failedError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { readMeshFile } from "./read-mesh-file.ts";
import { runApplication } from "./run-application.ts";

export const command: Command = {
  name: "up",
  summary: "Run an application's services, each with its sidecar",
  description: `Reads mesh.yaml, starts a control plane when none runs for its mesh, applies the resources beside it, then starts every service with a sidecar, as soon as what it depends on is ready. The lines that the services write appear behind their names. One that crashes is started again.

Ctrl-C, SIGTERM and \`tulle down\` stop everything in reverse order, so that no request is lost; a second Ctrl-C stops it at once. Nothing stays behind.`,
  examples: [
    { line: "tulle up", summary: "Run the mesh.yaml of this folder" },
    { line: "tulle up demo/mesh.yaml", summary: "Run another one" },
    { line: "tulle up | grep catalog", summary: "Only the lines of some services" },
  ],
  arguments: [
    {
      name: "FILE",
      summary: "The file; default: mesh.yaml in this folder",
      completion: { kind: "files" },
    },
  ],
  run,
};

const DEFAULT_FILES = ["mesh.yaml", "mesh.yml"] as const;

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const path = input.optionalArgument("FILE") ?? (await defaultFile(context.cwd));
  const absolute = resolve(context.cwd, path);
  const file = await readMeshFile(absolute, path);
  const mesh = context.globals.mesh ?? file.mesh;
  const result = await runApplication(context, {
    file: { ...file, mesh },
    path: absolute,
    folder: dirname(absolute),
  });
  return result.hasFailed ? EXIT_FINDINGS : EXIT_OK;
}

async function defaultFile(cwd: string): Promise<string> {
  for (const name of DEFAULT_FILES) {
    const exists = await access(resolve(cwd, name)).then(
      () => true,
      () => false,
    );
    if (exists) return name;
  }
  throw failedError(
    "there is no mesh.yaml in this folder",
    "docs/guides/up.md shows how to write one; `tulle demo` runs a finished one",
  );
}
