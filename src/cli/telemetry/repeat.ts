/** `--watch`: the same again every two seconds, drawn over itself on a terminal. */
import type { CommandInput, OptionSpec } from "../command.ts";
import type { CliContext } from "../context.ts";

const INTERVAL_MS = 2000;
/** Cursor home and erase the screen (ECMA-48 CUP, ED). */
const CLEAR = "\u001b[H\u001b[2J";

export const WATCH_OPTION: OptionSpec = {
  name: "watch",
  short: "w",
  summary: "Show it again every 2 s, until interrupted",
};

export async function repeat(
  context: CliContext,
  input: CommandInput,
  show: () => Promise<void>,
): Promise<void> {
  if (!input.isSet("watch")) return show();
  const isScreen = context.stdout.isTTY && context.env["TERM"] !== "dumb";
  while (!context.signal.aborted) {
    if (isScreen) context.stdout.write(CLEAR);
    await show();
    await pause(context, INTERVAL_MS);
  }
}

/** Ends early when the command is interrupted. */
export function pause({ clock, signal }: CliContext, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.schedule(ms, finish);
    if (signal.aborted) finish();
    else signal.addEventListener("abort", finish, { once: true });
  });
}
