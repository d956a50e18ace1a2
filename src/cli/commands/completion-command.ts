/** `tulle completion`: the script that teaches a shell to complete our command lines. */

import type { Command, CommandInput } from "../command.ts";
import { completionScript, SHELLS } from "../completion/shell-scripts.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { suggestion } from "../nearest.ts";

export const command: Command = {
  name: "completion",
  summary: "Print the script that completes commands in a shell",
  description: `Completes commands, flags, kinds, and the names of objects and proxies of the running mesh.

bash: add \`source <(tulle completion bash)\` to ~/.bashrc. zsh: add \`source <(tulle completion zsh)\` to ~/.zshrc, after compinit. fish: write it to ~/.config/fish/completions/tulle.fish.`,
  examples: [
    { line: "source <(tulle completion bash)", summary: "Complete in this shell" },
    {
      line: "tulle completion fish > ~/.config/fish/completions/tulle.fish",
      summary: "Complete in every fish from now on",
    },
  ],
  arguments: [
    {
      name: "SHELL",
      summary: SHELLS.join(", "),
      isRequired: true,
      completion: { kind: "words", words: SHELLS },
    },
  ],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const word = input.argument("SHELL");
  const shell = SHELLS.find((known) => known === word);
  if (shell === undefined) {
    throw usageError(
      `no completion for the shell "${word}"${suggestion(word, SHELLS)}`,
      `use one of ${SHELLS.join(", ")}`,
    );
  }
  context.stdout.write(completionScript(shell));
  return EXIT_OK;
}
