/** Reads access logs of sidecars line by line, whatever their size, and sums up what they tell of calls. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { readLogLine } from "../../telemetry/observed/access-log-call.ts";
import { type ObservedCall, ObservedCalls } from "../../telemetry/observed/observed-calls.ts";
import type { CliContext } from "../context.ts";
import { failedError } from "../errors.ts";

export interface LoggedCalls {
  readonly calls: readonly ObservedCall[];
  /** Lines that tell of a call. */
  readonly told: number;
  /** Lines of callers' sidecars: the called ones tell the same. */
  readonly outbound: number;
  /** Calls that were too many kinds to sum up. */
  readonly overflow: number;
}

/** `sinceMs`: milliseconds since the epoch. `-` is standard input. */
export async function readAccessLogs(
  context: CliContext,
  files: readonly string[],
  sinceMs: number,
): Promise<LoggedCalls> {
  const calls = new ObservedCalls();
  let [told, outbound] = [0, 0];
  for (const file of files) {
    for await (const line of linesOf(context, file)) {
      const read = readLogLine(line);
      if (read.kind === "outbound") outbound += 1;
      if (read.kind !== "call" || read.call.atMs < sinceMs) continue;
      told += 1;
      calls.add(read.call);
    }
  }
  return { calls: calls.list(), told, outbound, overflow: calls.overflow };
}

async function* linesOf(context: CliContext, file: string): AsyncGenerator<string> {
  if (file === "-") {
    yield* (await context.readStdin()).split("\n");
    return;
  }
  const handle = await open(resolve(context.cwd, file)).catch((error: unknown) => {
    throw failedError(`${file} cannot be read: ${messageOf(error)}`);
  });
  try {
    yield* handle.readLines();
  } finally {
    await handle.close();
  }
}
