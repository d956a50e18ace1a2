/** `tulle token create`: a token of the admin API, shown this once. */
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";

const ROLES = ["viewer", "operator", "admin"] as const;
const TTL_MS_MIN = 60_000;
const TTL_MS_MAX = 31_536_000_000;

export const command: Command = {
  name: "token create",
  summary: "Make a token for the admin API, with a role and an end",
  description: `The token is printed once, alone on standard output; the control plane keeps a hash. Give it to a pipeline or a colleague, who uses it with --token-file, TULLE_TOKEN or, for good, in credentials.json.

viewer reads; operator also changes traffic and drains instances; admin does everything. It ends by itself after --ttl.`,
  examples: [
    {
      line: "tulle token create --role operator --ttl 8h ci",
      summary: "For a pipeline that splits traffic",
    },
    {
      line: "tulle token create --role viewer --ttl 720h grafana > grafana.token",
      summary: "Into a file",
    },
  ],
  arguments: [{ name: "NAME", summary: "What it is called in lists and logs", isRequired: true }],
  options: [
    { name: "role", value: "ROLE", choices: ROLES, default: "viewer", summary: "What it may do" },
    { name: "ttl", value: "DURATION", default: "8h", summary: "How long it works, at most 8760h" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const ttlMs = input.durationMs("ttl");
  if (ttlMs < TTL_MS_MIN || ttlMs > TTL_MS_MAX) {
    throw usageError("--ttl: a token works for 1m to 8760h", "for example --ttl 8h");
  }
  const role = ROLES.find((one) => one === input.string("role")) ?? "viewer";
  const client = await context.adminClient();
  const answer = await client.createToken({
    name: input.argument("NAME"),
    role,
    ttlSeconds: Math.floor(ttlMs / 1000),
  });
  await writeResult(context, { data: answer, table: () => `${answer.token}\n` });
  if (context.globals.output === "table" && !context.globals.isQuiet) {
    context.stderr.write(`${answer.name} is ${answer.role} until ${answer.expiresAt}\n`);
  }
  return EXIT_OK;
}
