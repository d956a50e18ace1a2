/**
 * A program and everything that it starts, as one unit: it leads a process group of its own, so that a
 * signal reaches all of it and nothing of it stays. A terminal's Ctrl-C does not reach it, only we do.
 */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { constants } from "node:os";
import { hasLiveMember } from "./group-members.ts";
import type { Guardian } from "./guardian.ts";

export interface ProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio: StdioOptions;
  readonly guardian: Guardian;
}

/** How a process ended. */
export type ExitStatus =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: NodeJS.Signals }
  /** It never ran. `message` is a sentence. */
  | { readonly kind: "not-started"; readonly message: string; readonly isMissing: boolean };

export interface ProcessGroup {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly child: ChildProcess;
  /** Settles when the leader has ended, nothing of its group is left and its output was read; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Sends to every process of the group that is left. */
  signal(signal: NodeJS.Signals): void;
  /** `signal` (default SIGTERM), then SIGKILL for whatever of the group is left after `graceMs`. */
  stop(graceMs: number, signal?: NodeJS.Signals): Promise<ExitStatus>;
}

/** How often a group is asked whether any of it is left. There is no event for that. */
const GROUP_POLL_MS = 20;
/** What outlives its leader after that has ended by itself gets this long. */
const ORPHAN_GRACE_MS = 1_000;
/** What left the group, such as a daemon, may hold the pipes open for ever: nobody waits longer for them. */
const OUTPUT_GRACE_MS = 500;

export function startProcess(options: ProcessOptions): ProcessGroup {
  const [program, ...args] = options.command;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: options.stdio,
    // Makes it the leader of a new session, and so of a new process group (setsid).
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) options.guardian.add(pid);
  let hasEnded = false;
  let graceMs = ORPHAN_GRACE_MS;
  const outputRead = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const exited = exitOf(child, options).then(async (status) => {
    if (pid !== undefined) {
      await endGroup(pid, graceMs);
      options.guardian.remove(pid);
    }
    hasEnded = true;
    if (status.kind !== "not-started") await atMost(outputRead, OUTPUT_GRACE_MS);
    return status;
  });
  const signal = (name: NodeJS.Signals): void => {
    if (pid !== undefined && !hasEnded) signalGroup(pid, name);
  };
  return {
    pid,
    child,
    exited,
    signal,
    stop(stopGraceMs, name = "SIGTERM") {
      graceMs = stopGraceMs;
      signal(name);
      const timer = setTimeout(() => signal("SIGKILL"), stopGraceMs);
      return exited.finally(() => clearTimeout(timer));
    },
  };
}

function exitOf(child: ChildProcess, options: ProcessOptions): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve(notStarted(error, options));
    });
    child.once("exit", (code, killedBy) => {
      const status: ExitStatus =
        killedBy === null
          ? { kind: "exited", code: code ?? 0 }
          : { kind: "killed", signal: killedBy };
      resolve(status);
    });
  });
}

function notStarted(error: NodeJS.ErrnoException, options: ProcessOptions): ExitStatus {
  const [program] = options.command;
  switch (error.code) {
    case "ENOENT": {
      // The system answers the same for a missing program and a missing working directory.
      const message = `${program} was not found, or the folder ${options.cwd} does not exist`;
      return { kind: "not-started", message, isMissing: true };
    }
    case "EACCES":
      return { kind: "not-started", message: `${program} may not be executed`, isMissing: false };
    default:
      return {
        kind: "not-started",
        message: `${program} cannot be started: ${error.message}`,
        isMissing: false,
      };
  }
}

/** Settles with `done`, or after `waitMs`. */
async function atMost(done: Promise<void>, waitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}

/** Ends what is left of a group whose leader is gone. */
async function endGroup(pid: number, graceMs: number): Promise<void> {
  if (!signalGroup(pid, "SIGTERM")) return;
  const deadlineMs = performance.now() + graceMs;
  while (performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, GROUP_POLL_MS));
    if (!signalGroup(pid, 0) || !(await hasLiveMember(pid))) return;
  }
  signalGroup(pid, "SIGKILL");
}

/** Whether any process of the group was there. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    // ESRCH: nothing is left. EPERM cannot be for processes of our own.
    return false;
  }
}

/** Exit codes of a shell for a program that is missing or may not be executed (POSIX, XCU 2.8.2). */
const EXIT_NOT_FOUND = 127;
const EXIT_NOT_EXECUTABLE = 126;

/** The exit code by which a shell reports this ending: 128 and the signal's number for a killed one. */
export function exitCodeOfStatus(status: ExitStatus): number {
  switch (status.kind) {
    case "exited":
      return status.code;
    case "killed":
      return 128 + constants.signals[status.signal];
    case "not-started":
      return status.isMissing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
  }
}

/** `exited with code 3`, `was killed by SIGKILL`, … for messages that begin with a name. */
export function describeStatus(status: ExitStatus): string {
  switch (status.kind) {
    case "exited":
      return `exited with code ${status.code}`;
    case "killed":
      return `was killed by ${status.signal}`;
    case "not-started":
      return `did not start: ${status.message}`;
  }
}
