/** `tulle token revoke`: a token of the admin API works no more. */
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";

export const command: Command = {
  name: "token revoke",
  summary: "Revoke a token of the admin API",
  description: "It is refused from the next request on.",
  examples: [{ line: "tulle token revoke ci", summary: "The token of the pipeline" }],
  arguments: [{ name: "NAME", summary: "As `tulle token list` has it", isRequired: true }],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const client = await context.adminClient();
  const token = await client.revokeToken(input.argument("NAME"));
  await writeResult(context, {
    data: token,
    names: [token.name],
    table: () => `token ${token.name} is revoked\n`,
  });
  return EXIT_OK;
}
