/** The hidden command behind shell completion: words in, offers out, one per line. It never fails. */
import { type AdminClient, createAdminClient } from "../admin-client.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CommandEntry } from "../command-entry.ts";
import { completeWords, type LiveNames } from "../completion/offers.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { type AdminAddress, findAdminAddress, isProcessAlive } from "../find-control-plane.ts";

/** A person waits for the list: rather fewer offers than a slow one. */
const LIVE_TIMEOUT_MS = 1000;
const OFFERS_MAX = 1000;

export function createCommand(commands: readonly CommandEntry[]): Command {
  return {
    name: "__complete",
    summary: "Offer what may stand at the cursor",
    description:
      "Called by the scripts of `tulle completion`. The last word is the one being typed.",
    examples: [{ line: "tulle __complete -- get ht", summary: "What may follow" }],
    passthrough: { name: "WORD...", summary: "The words of the command line, without the program" },
    run: (context, input) => run(context, input, commands),
  };
}

async function run(
  context: CliContext,
  input: CommandInput,
  commands: readonly CommandEntry[],
): Promise<number> {
  const words = input.passthrough;
  const live = liveNames(context, words);
  const nothing = { offers: [], isFiles: false };
  const { offers, isFiles } = await completeWords(words, commands, live).catch(() => nothing);
  for (const { word, description } of offers.slice(0, OFFERS_MAX)) {
    context.stdout.write(description === "" ? `${word}\n` : `${word}\t${description}\n`);
  }
  if (isFiles) context.stdout.write(":files\n");
  return EXIT_OK;
}

/** The flags on the line being completed decide which control plane and namespace are asked. */
function liveNames(context: CliContext, words: readonly string[]): LiveNames {
  const { globals } = context;
  const namespace = flagValue(words, ["-n", "--namespace"]) ?? globals.namespace;
  const isEverywhere = words.includes("-A") || words.includes("--all-namespaces");
  const find = (): Promise<AdminAddress> =>
    findAdminAddress({
      controlPlane: flagValue(words, ["--control-plane"]) ?? globals.controlPlane,
      mesh: flagValue(words, ["--mesh"]) ?? globals.mesh,
      env: context.env,
      isAlive: isProcessAlive,
    });
  const ask = async (question: Question): Promise<readonly string[]> => {
    const late = new Promise<readonly string[]>((resolve) => {
      context.clock.schedule(LIVE_TIMEOUT_MS, () => resolve([]));
    });
    const answer = find().then((address) => question(createAdminClient(address)));
    return await Promise.race([answer.catch(() => []), late]);
  };
  return {
    objects: (kind) =>
      ask(async (client) => {
        const { items } = await client.list(kind, isEverywhere ? {} : { namespace });
        return items.map((item) => item.metadata.name);
      }),
    proxies: () => ask(async (client) => (await client.proxies()).proxies.map(({ id }) => id)),
    namespaces: () =>
      ask(async (client) => {
        const { items } = await client.list("Service");
        return [...new Set(items.map((item) => item.metadata.namespace))].sort();
      }),
  };
}

type Question = (client: AdminClient) => Promise<readonly string[]>;

function flagValue(words: readonly string[], names: readonly string[]): string | undefined {
  const index = words.findIndex((word) => names.includes(word));
  return index < 0 ? undefined : words[index + 1];
}
