/** The commands that tell a Rollout what to do: they differ in one word. */
import type { RolloutActionRequest } from "../../control-plane/action-types.ts";
import type { Command, CommandInput, OptionSpec } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { findRollout, ROLLOUT_ARGUMENT } from "./find-rollout.ts";

export interface ActionCommand extends Pick<Command, "summary" | "description" | "examples"> {
  readonly name: "pause" | "resume" | "promote" | "abort" | "undo";
  readonly options?: readonly OptionSpec[];
  /** Default: the command's own name. */
  readonly actionOf?: (input: CommandInput) => RolloutActionRequest["action"];
}

export function rolloutActionCommand(options: ActionCommand): Command {
  const { name, actionOf = () => name, options: flags = [], ...rest } = options;
  return {
    ...rest,
    name: `rollout ${name}`,
    arguments: [ROLLOUT_ARGUMENT],
    options: flags,
    formats: ["table", "json", "yaml"],
    run: (context, input) => act(context, input.argument("ROLLOUT"), actionOf(input)),
  };
}

/** What the control plane refuses is an error of its own, with what to do. */
async function act(
  context: CliContext,
  word: string,
  action: RolloutActionRequest["action"],
): Promise<number> {
  const client = await context.adminClient();
  const { ref } = await findRollout(context, client, word);
  const response = await client.rolloutAction(ref, { action });
  const { phase, message, weights } = response;
  await writeResult(context, {
    data: { rollout: ref, ...response },
    table: () =>
      `rollout/${ref.name} ${phase}: ${message} (stable ${weights.stable} %, canary ${weights.canary} %)\n`,
  });
  return EXIT_OK;
}
