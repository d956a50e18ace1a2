/** `tulle ca retire`: a root is trusted no more, unless something depends on it. */
import type { Blocker } from "../../control-plane/ca-types.ts";
import { AdminApiError } from "../admin-transport.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { blockersText } from "./ca-text.ts";

export const command: Command = {
  name: "ca retire",
  summary: "Trust a root no more, unless something depends on it",
  description:
    "Refused while a certificate in use is under the root, and for the root that signs; the command lists whom it would hit. `tulle ca rotate` retires the old root by itself: this is for roots that were left, such as by a rotation that was given up.",
  examples: [{ line: "tulle ca retire 3f9a2c", summary: "By the beginning of its id" }],
  arguments: [
    {
      name: "ROOT",
      summary: "The root's id, or its beginning; see tulle ca status",
      isRequired: true,
    },
  ],
  options: [{ name: "skip-disconnected", summary: "Whoever is not connected does not count" }],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const client = await context.adminClient();
  const root = input.argument("ROOT").toLowerCase();
  try {
    const skipDisconnected = input.isSet("skip-disconnected");
    const response = await client.retireRoot({ root, skipDisconnected });
    await writeResult(context, {
      data: response,
      table: () => `root ${response.root} is retired; ${response.roots.length} trusted\n`,
    });
    return EXIT_OK;
  } catch (error) {
    if (error instanceof AdminApiError && error.details !== undefined) {
      const { blockers = [] } = error.details as { readonly blockers?: readonly Blocker[] };
      context.stderr.write(blockersText(blockers));
    }
    throw error;
  }
}
