/**
 * Follows a rotation until it has ended or paused: on a terminal a view that is drawn anew over itself, otherwise a
 * line for each change. Rides out a restart of the control plane.
 */
import type { RotationView } from "../../control-plane/ca-types.ts";
import type { AdminClient } from "../admin-client.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../errors.ts";
import { rotationLine, rotationText } from "./ca-text.ts";

const POLL_MS = 250;
/** Cursor up so many lines (ECMA-48 CUU), then erase to the end of the screen (ED). */
const overwrite = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A\u001b[J`);

/** The last state. Throws CLI_TIMED_OUT, and CLI_FAILED when it was aborted. */
export async function watchRotation(
  context: CliContext,
  client: AdminClient,
  timeoutMs: number,
): Promise<RotationView> {
  const { stdout, clock, signal, globals } = context;
  const isView = globals.output === "table" && stdout.isTTY && context.env["TERM"] !== "dumb";
  const isQuiet = globals.output !== "table" || globals.isQuiet;
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  let linesDrawn = 0;
  let lineBefore = "";
  for (;;) {
    const rotation = await ask(client);
    if (rotation !== undefined) {
      if (isView) linesDrawn = draw(context, rotation, linesDrawn);
      else if (!isQuiet) {
        const line = rotationLine(rotation);
        if (line !== lineBefore) stdout.write(`${line}\n`);
        lineBefore = line;
      }
      if (rotation.state === "aborted") throw new CliError("CLI_FAILED", "it was aborted");
      if (rotation.state !== "running") return rotation;
    }
    if (signal.aborted) {
      const hint = "tulle ca rotate follows it again";
      throw new CliError("CLI_FAILED", "interrupted; the rotation goes on", hint);
    }
    if (clock.monotonicMs() >= deadlineMs) throw timedOut(timeoutMs, rotation);
    await pause(context);
  }
}

/** Undefined while the control plane cannot be reached. */
async function ask(client: AdminClient): Promise<RotationView | undefined> {
  try {
    return (await client.ca()).rotation ?? undefined;
  } catch (error) {
    if (error instanceof CliError && error.code === "CLI_CANNOT_CONNECT") return undefined;
    throw error;
  }
}

function draw({ stdout, clock }: CliContext, rotation: RotationView, linesBefore: number): number {
  const { style, columns: width } = stdout;
  const text = rotationText(rotation, { style, width, nowMs: clock.nowMs() });
  stdout.write(`${overwrite(linesBefore)}${text}`);
  return text.split("\n").length - 1;
}

function timedOut(timeoutMs: number, rotation: RotationView | undefined): CliError {
  const where =
    rotation === undefined ? "the control plane does not answer" : rotationLine(rotation);
  return new CliError(
    "CLI_TIMED_OUT",
    `the rotation did not end within ${timeoutMs / 1000} s: ${where}`,
    "it goes on; tulle ca status shows whom it waits for",
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
