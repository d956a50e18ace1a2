/** `tulle proxy log-level`: reads or changes how much a running proxy logs. */
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { suggestion } from "../nearest.ts";
import { askProxy, findProxyAdmin } from "../proxy-admin.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "off"] as const;

export const command: Command = {
  name: "proxy log-level",
  summary: "Show or change how much a running proxy logs",
  description:
    "Takes effect at once and lasts until the proxy restarts. Without LEVEL it shows what is in force.",
  examples: [
    { line: "tulle proxy log-level storefront-x7k2p debug", summary: "Log everything but traces" },
    { line: "tulle proxy log-level storefront-x7k2p", summary: "Show the level" },
  ],
  arguments: [
    {
      name: "INSTANCE",
      summary: "The instance, as `tulle status` names it",
      isRequired: true,
      completion: { kind: "proxies" },
    },
    {
      name: "LEVEL",
      summary: LEVELS.join(", "),
      completion: { kind: "words", words: LEVELS },
    },
  ],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const word = input.optionalArgument("LEVEL");
  const level = word === "warning" ? "warn" : word;
  if (level !== undefined && !LEVELS.some((known) => known === level)) {
    throw usageError(
      `unknown log level "${level}"${suggestion(level, LEVELS)}`,
      `the levels are ${LEVELS.join(", ")}`,
    );
  }
  const client = await context.adminClient();
  const { address, isEnvoy } = await findProxyAdmin(client, input.argument("INSTANCE"));
  // Envoy's word for warn is another one.
  const sent = isEnvoy && level === "warn" ? "warning" : level;
  const path = sent === undefined ? "/logging" : `/logging?level=${sent}`;
  const answer = await askProxy(address, { method: "POST", path });
  if (level === undefined || context.globals.isVerbose) context.stdout.write(endLine(answer));
  else if (!context.globals.isQuiet) context.stdout.write(`log level ${level}\n`);
  return EXIT_OK;
}

function endLine(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
