/** `tulle rollout status`: how far a rollout is. */
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { writeResult } from "../output/write-result.ts";
import { findRollout, ROLLOUT_ARGUMENT } from "../rollout/find-rollout.ts";
import { rolloutText } from "../rollout/rollout-text.ts";
import { exitCodeOf, hasEnded, watchRollout } from "../rollout/watch-rollout.ts";

export const command: Command = {
  name: "rollout status",
  summary: "Show how far a rollout is, or watch it",
  description: `Shows the step, the configured shares beside those that callers' sidecars observed in this step, the last look at each gate and what happened last. With --watch it is drawn anew until the rollout has ended; without a terminal each change is a line.

Exit code 1: the rollout was rolled back. Exit code 4: --watch gave up waiting.`,
  examples: [
    { line: "tulle rollout status catalog", summary: "Once" },
    { line: "tulle rollout status catalog --watch", summary: "Until it has succeeded or failed" },
    { line: "tulle rollout status catalog -o json", summary: "For a program" },
  ],
  arguments: [ROLLOUT_ARGUMENT],
  options: [
    { name: "watch", short: "w", summary: "Follow it until it has ended" },
    {
      name: "timeout",
      value: "DURATION",
      default: "24h",
      summary: "How long --watch waits before it gives up with exit code 4",
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const client = await context.adminClient();
  const found = await findRollout(context, client, input.argument("ROLLOUT"));
  const isWatched = input.isSet("watch");
  const rollout = isWatched
    ? await watchRollout(context, client, { ref: found.ref, timeoutMs, isEnd: hasEnded })
    : found.rollout;
  const { style, columns: width } = context.stdout;
  await writeResult(context, {
    data: rollout,
    // What was watched stands there already.
    table: () =>
      isWatched ? "" : rolloutText(rollout, { style, width, nowMs: context.clock.nowMs() }),
  });
  return exitCodeOf(rollout);
}
