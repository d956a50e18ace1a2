/** Processes pinned to a core, and what the kernel says they use. Linux only (`/proc`). */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Program and arguments. */
export type PinnedCommand = readonly [string, ...string[]] | readonly string[];

const LISTEN_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;
const POLL_MS = 5;
const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

export class PinnedProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;

  /** Output goes to `logFile`, which an error quotes. */
  constructor(command: PinnedCommand, core: number, logFile: string) {
    this.#logFile = logFile;
    const log = openSync(logFile, "a");
    this.#child = spawn("taskset", ["-c", String(core), ...command], {
      stdio: ["ignore", log, log],
    });
    closeSync(log);
  }

  /** Waits until something accepts connections on the port. Returns the milliseconds that it took. */
  async listening(port: number): Promise<number> {
    const startedMs = performance.now();
    while (performance.now() - startedMs < LISTEN_DEADLINE_MS) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`${this.#name} ended before it listened on ${port}:\n${this.#log}`);
      }
      if (await accepts(port)) return performance.now() - startedMs;
      await delay(POLL_MS);
    }
    throw new Error(`${this.#name} does not listen on ${port}:\n${this.#log}`);
  }

  /** User and system time of the process and its children so far. */
  cpuSeconds(): number {
    const ticks = this.#pids.map((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The second field is the name in parentheses and may hold spaces; utime and stime are the 14th and 15th.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(fields[11]) + Number(fields[12]);
    });
    return sum(ticks) / TICKS_PER_SECOND;
  }

  residentMegabytes(): number {
    const kilobytes = this.#pids.map((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, "latin1");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
    });
    return sum(kilobytes) / 1024;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(force);
  }

  get #pids(): readonly number[] {
    return treeOf(this.#child.pid ?? 0);
  }

  get #name(): string {
    return this.#child.spawnargs.slice(3).join(" ");
  }

  get #log(): string {
    return readFileSync(this.#logFile, "utf8").slice(-2_000);
  }
}

function treeOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
  const pids = children === "" ? [] : children.split(" ").map(Number);
  return [pid, ...pids.flatMap(treeOf)];
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
