/** `tulle token list`: tokens of the admin API, without their secrets. */
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { renderTable } from "../output/table.ts";
import { writeResult } from "../output/write-result.ts";

export const command: Command = {
  name: "token list",
  summary: "List the tokens of the admin API",
  description:
    "With role, who made each, when it ends and when it was used last since the control plane started. Nobody can see the tokens themselves.",
  examples: [{ line: "tulle token list", summary: "Every token" }],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext): Promise<number> {
  const client = await context.adminClient();
  const answer = await client.tokens();
  await writeResult(context, {
    data: answer,
    names: answer.tokens.map(({ name }) => name),
    table: () =>
      renderTable({
        columns: [
          { title: "NAME", isKept: true },
          { title: "ROLE" },
          { title: "MADE BY" },
          { title: "EXPIRES" },
          { title: "LAST USED" },
        ],
        rows: answer.tokens.map((token) => [
          token.name,
          token.role,
          token.createdBy,
          token.expired ? `${token.expiresAt} (expired)` : token.expiresAt,
          token.lastUsedAt ?? "never",
        ]),
        style: context.stdout.style,
        width: context.stdout.columns,
      }),
  });
  return EXIT_OK;
}
