/** `tulle ca unrevoke`: what was revoked has access again. */
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { objectName } from "../kinds.ts";
import { writeResult } from "../output/write-result.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";
import { TARGET_ARGUMENT, TARGET_OPTIONS, targetOf } from "./revocation-target.ts";

export const command: Command = {
  name: "ca unrevoke",
  summary: "Give access back to what was revoked",
  description:
    "Deletes the Revocation that `tulle ca revoke` wrote for the same target. One written by hand is deleted by its name: `tulle delete revocation NAME`. Sidecars that were refused come back within a minute.",
  examples: [
    {
      line: "tulle ca unrevoke spiffe://tulle.local/ns/default/sa/orders",
      summary: "An identity",
    },
    { line: "tulle ca unrevoke --instance orders-v1-x7k2p", summary: "An instance" },
  ],
  arguments: [TARGET_ARGUMENT],
  options: [...TARGET_OPTIONS, ...WAIT_OPTIONS],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const target = targetOf(input, context.globals.namespace);
  const client = await context.adminClient();
  const response = await client.delete("Revocation", { namespace: "", name: target.name });
  if (input.isSet("wait")) {
    await waitForRevision(context, { client, revision: response.revision, timeoutMs });
  }
  await writeResult(context, {
    data: response,
    names: [objectName("Revocation", target.name)],
    table: () => `${target.text} is not revoked any more\n`,
  });
  return EXIT_OK;
}
