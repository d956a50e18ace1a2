/** `tulle whoami`: who you are to the control plane, and what you may do. */
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";

export const command: Command = {
  name: "whoami",
  summary: "Show who you are to the control plane, and what you may do",
  description:
    "How you were recognized (the owner's unix socket, a token, an identity provider, a client certificate, or not at all), your role, and the kinds of objects that it may change.",
  examples: [
    { line: "tulle whoami", summary: "On the machine of the control plane" },
    {
      line: "tulle whoami --control-plane https://mesh.example:7701 --ca-file ca.crt --token-file ci.token",
      summary: "With a token, on another machine",
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext): Promise<number> {
  const client = await context.adminClient();
  const answer = await client.whoami();
  const kinds = answer.writableKinds?.join(", ");
  await writeResult(context, {
    data: answer,
    table: () =>
      `${answer.name} is ${answer.role} (${answer.method}, ${answer.transport})\n${answer.may}\n${
        kinds === undefined
          ? "May change objects of every kind."
          : `May change: ${kinds || "nothing"}.`
      }\n`,
  });
  return EXIT_OK;
}
