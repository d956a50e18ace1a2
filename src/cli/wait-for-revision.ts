/**
 * Waits until every connected proxy that a revision affects has acknowledged it. Ends at once when a proxy
 * refuses, and at the deadline; both name the proxies. Rides out a restart of the control plane.
 */
import type { RevisionResponse } from "../control-plane/api-types.ts";
import type { AdminClient } from "./admin-client.ts";
import type { OptionSpec } from "./command.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./errors.ts";
import { createProgress, type Progress } from "./progress.ts";

/** Short polls on a terminal, so that the names shown stay fresh; long ones otherwise. */
const POLL_SECONDS_TTY = 1;
const POLL_SECONDS = 20;
const RECONNECT_DELAY_MS = 300;
const LAST_ANSWER_TIMEOUT_MS = 5000;
/** How many names an error lists before it says how many more there are. */
const NAMES_MAX = 20;

/** `--wait` and `--timeout`, for the commands that change something. */
export const WAIT_OPTIONS: readonly OptionSpec[] = [
  { name: "wait", summary: "Wait until every affected proxy has acknowledged the change" },
  {
    name: "timeout",
    value: "DURATION",
    default: "60s",
    summary: "How long --wait waits before it gives up with exit code 4",
  },
];

export interface WaitRequest {
  readonly client: AdminClient;
  readonly revision: number;
  readonly timeoutMs: number;
}

/** Resolves with the last answer when all have acknowledged; throws CLI_TIMED_OUT or CLI_FAILED. */
export async function waitForRevision(
  context: CliContext,
  request: WaitRequest,
): Promise<RevisionResponse> {
  const deadline = new AbortController();
  const timer = context.clock.schedule(request.timeoutMs, () => deadline.abort());
  const progress = createProgress(context);
  try {
    return await poll(context, request, deadline.signal, progress);
  } finally {
    timer.cancel();
    progress.clear();
  }
}

async function poll(
  context: CliContext,
  request: WaitRequest,
  deadline: AbortSignal,
  progress: Progress,
): Promise<RevisionResponse> {
  const seconds = context.stderr.isTTY ? POLL_SECONDS_TTY : POLL_SECONDS;
  const signal = AbortSignal.any([deadline, context.signal]);
  const startMs = context.clock.monotonicMs();
  let last: RevisionResponse | undefined;
  progress.update(`waiting for the proxies to acknowledge revision ${request.revision}`);
  // Bounded by the deadline: each turn either ends or takes a poll's or a reconnection's time.
  while (!signal.aborted) {
    try {
      last = await request.client.revision(request.revision, seconds, { signal });
      if (last.refused.length > 0) throw refusedError(last);
      if (last.done) return last;
      const elapsed = Math.round((context.clock.monotonicMs() - startMs) / 1000);
      progress.update(`${pendingText(last)} (${elapsed} s)`);
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof CliError) || error.code !== "CLI_CANNOT_CONNECT") throw error;
      progress.update(`${error.message}; trying again`);
      await delay(context, RECONNECT_DELAY_MS, signal);
    }
  }
  if (context.signal.aborted) throw new CliError("CLI_FAILED", "interrupted while waiting");
  // The poll that the deadline cut off took its answer with it.
  const options = { signal: context.signal, timeoutMs: LAST_ANSWER_TIMEOUT_MS };
  last = await request.client.revision(request.revision, 0, options).catch(() => last);
  if (last?.done === true) return last;
  throw timeoutError(request, last);
}

function pendingText(answer: RevisionResponse): string {
  const total = answer.acknowledged.length + answer.pending.length;
  const names = answer.pending.map((entry) => entry.proxy).join(", ");
  return `waiting for ${answer.pending.length} of ${total} proxies: ${names}`;
}

function refusedError(answer: RevisionResponse): CliError {
  const lines = answer.refused.map((entry) => `  ${entry.proxy} (${entry.type}): ${entry.message}`);
  const count = new Set(answer.refused.map((entry) => entry.proxy)).size;
  return new CliError(
    "CLI_FAILED",
    `${count} ${count === 1 ? "proxy refuses" : "proxies refuse"} revision ${answer.revision}:\n${shorten(lines)}`,
    "the change is stored; those proxies keep the configuration they had. See `tulle status`",
  );
}

function timeoutError(request: WaitRequest, last: RevisionResponse | undefined): CliError {
  const seconds = request.timeoutMs / 1000;
  if (last === undefined) {
    return new CliError(
      "CLI_TIMED_OUT",
      `the control plane did not say within ${seconds} s who runs revision ${request.revision}`,
      "the change is stored; see `tulle check`",
    );
  }
  const lines = last.pending.map((entry) => `  ${entry.proxy}: ${entry.reason}`);
  const text =
    lines.length === 0
      ? `revision ${request.revision} was not handed to the proxies within ${seconds} s (they have ${last.translatedRevision})`
      : `${lines.length} of ${lines.length + last.acknowledged.length} proxies ${lines.length === 1 ? "has" : "have"} not acknowledged revision ${request.revision} within ${seconds} s:\n${shorten(lines)}`;
  return new CliError(
    "CLI_TIMED_OUT",
    text,
    "the change is stored and takes effect as they catch up. See `tulle status`",
  );
}

function shorten(lines: readonly string[]): string {
  const more = lines.length - NAMES_MAX;
  const shown = lines.slice(0, NAMES_MAX);
  return (more > 0 ? [...shown, `  and ${more} more`] : shown).join("\n");
}

function delay(context: CliContext, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = context.clock.schedule(ms, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}
