/**
 * Follows a Rollout until it has ended: on a terminal a view that is drawn anew over itself, otherwise a line for
 * each change. Rides out a restart of the control plane.
 */
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { AdminClient, ObjectRef } from "../admin-client.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { fitText } from "../output/text-width.ts";
import { findRollout } from "./find-rollout.ts";
import { rolloutLine, rolloutText, stateOf } from "./rollout-text.ts";

/** The control plane looks once a second. */
const POLL_MS = 500;
/** Cursor up so many lines (ECMA-48 CUU), then erase to the end of the screen (ED). */
const overwrite = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\u001b[J`);

export interface WatchOptions {
  readonly ref: ObjectRef;
  readonly timeoutMs: number;
  /** A state that is older than this run does not end the watch. */
  readonly isEnd: (rollout: Rollout) => boolean;
}

/** The last state. Throws CLI_TIMED_OUT. */
export async function watchRollout(
  context: CliContext,
  client: AdminClient,
  options: WatchOptions,
): Promise<Rollout> {
  const { stdout, clock, signal, globals } = context;
  const isView = globals.output === "table" && stdout.isTTY && context.env["TERM"] !== "dumb";
  const isQuiet = globals.output === "json" || globals.output === "yaml";
  const deadlineMs = clock.monotonicMs() + options.timeoutMs;
  let linesDrawn = 0;
  let lineBefore = "";
  for (;;) {
    const rollout = await ask(context, client, options.ref);
    if (rollout !== undefined) {
      if (isView) linesDrawn = draw(context, rollout, linesDrawn);
      else if (!isQuiet) lineBefore = tell(context, rollout, lineBefore);
      if (options.isEnd(rollout)) return rollout;
    }
    if (signal.aborted) throw new CliError("CLI_FAILED", "interrupted; the rollout goes on");
    if (clock.monotonicMs() >= deadlineMs) throw timedOut(options, rollout);
    await pause(context);
  }
}

/** Undefined while the control plane cannot be reached. */
async function ask(
  context: CliContext,
  client: AdminClient,
  ref: ObjectRef,
): Promise<Rollout | undefined> {
  try {
    return (await findRollout(context, client, ref.name)).rollout;
  } catch (error) {
    if (error instanceof CliError && error.code === "CLI_CANNOT_CONNECT") return undefined;
    throw error;
  }
}

function draw(context: CliContext, rollout: Rollout, linesBefore: number): number {
  const { stdout, clock } = context;
  const { style, columns: width } = stdout;
  const text = rolloutText(rollout, { style, width, nowMs: clock.nowMs() });
  // A line that the terminal breaks in two would be one line more than was counted.
  const lines = text.trimEnd().split("\n");
  const fitted = lines.map((line) =>
    width === undefined || style.hasColor ? line : fitText(line, width - 1),
  );
  stdout.write(`${overwrite(linesBefore)}${fitted.join("\n")}\n`);
  return fitted.length;
}

/** Each new event, and the state when it changed. */
function tell(context: CliContext, rollout: Rollout, before: string): string {
  const line = rolloutLine(rollout);
  if (line !== before) context.stdout.write(`${line}\n`);
  return line;
}

function timedOut({ ref, timeoutMs }: WatchOptions, rollout: Rollout | undefined): CliError {
  const where = rollout === undefined ? "the control plane does not answer" : rolloutLine(rollout);
  return new CliError(
    "CLI_TIMED_OUT",
    `the rollout did not end within ${timeoutMs / 1000} s: ${where}`,
    `it goes on; \`tulle rollout status ${ref.name} --watch\` follows it`,
  );
}

function pause({ clock, signal }: CliContext): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.schedule(POLL_MS, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

/** Whether its run has ended, well or not. */
export function hasEnded(rollout: Rollout): boolean {
  const phase = stateOf(rollout)?.phase;
  return phase === "Succeeded" || phase === "RolledBack";
}

/** 1 for a rollout that was rolled back. */
export function exitCodeOf(rollout: Rollout): number {
  return stateOf(rollout)?.phase === "RolledBack" ? EXIT_FINDINGS : EXIT_OK;
}
