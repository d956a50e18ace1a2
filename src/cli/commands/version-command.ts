/** `tulle version`: of this program and of the control plane it talks to. */
import type { VersionResponse } from "../../control-plane/api-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";
import { readVersion } from "../read-version.ts";

export const command: Command = {
  name: "version",
  summary: "Show the version of this program and of the control plane",
  description:
    "Without a control plane it shows the client's version alone. When an address is given and nothing answers there, it ends with exit code 3.",
  examples: [
    { line: "tulle version", summary: "Both versions" },
    {
      line: "tulle version --client -o json",
      summary: "Only this program's, without a connection",
    },
  ],
  options: [{ name: "client", summary: "Do not ask the control plane" }],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const client = { version: readVersion(), runtime: `node ${process.version}` };
  const controlPlane = input.isSet("client") ? undefined : await askControlPlane(context);
  await writeResult(context, {
    data: { client, controlPlane: controlPlane ?? null },
    table: () =>
      renderTable({
        columns: [{ title: "" }, { title: "VERSION" }, { title: "RUNTIME" }, { title: "MESH" }],
        rows: [
          ["client", client.version, client.runtime],
          ...(controlPlane === undefined
            ? []
            : [["control plane", controlPlane.version, controlPlane.runtime, controlPlane.mesh]]),
        ],
        style: context.stdout.style,
        width: context.stdout.columns,
      }),
  });
  if (controlPlane === undefined && !input.isSet("client") && !context.globals.isQuiet) {
    context.stderr.write("no control plane runs here\n");
  }
  return EXIT_OK;
}

/** Undefined when none was named and none runs here: that is no failure of `version`. */
async function askControlPlane(context: CliContext): Promise<VersionResponse | undefined> {
  const { controlPlane, mesh } = context.globals;
  try {
    return await (await context.adminClient()).version();
  } catch (error) {
    const isExpected = error instanceof CliError && error.code === "CLI_CANNOT_CONNECT";
    if (isExpected && controlPlane === undefined && mesh === undefined) return undefined;
    throw error;
  }
}
