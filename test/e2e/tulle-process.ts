/** Starts the real program for the end-to-end tests of `run`, `up` and `demo`, and finds what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname, "..", "..", "bin", "tulle");

/** A home of its own: its path marks every process that is started for it. */
export class TulleHome {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TulleHome> {
    return new TulleHome(await mkdtemp(join(tmpdir(), "tulle-e2e-")));
  }

  start(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): TulleProcess {
    return new TulleProcess(args, {
      cwd: options.cwd ?? this.path,
      env: { ...process.env, ...options.env, TULLE_HOME: this.path, NO_COLOR: "1" },
    });
  }

  /** Command lines of the processes that carry this home in their environment, dead ones left out. */
  processes(): readonly { readonly pid: number; readonly command: string }[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
          if (!environment.includes(`TULLE_HOME=${this.path}`)) return [];
          const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
          // A process that has ended and that nobody has waited for has no command line any more.
          return command === "" ? [] : [{ pid: Number(pid), command }];
        } catch {
          return [];
        }
      });
  }

  /** Resolves when none of its processes runs any more. */
  async emptied(): Promise<void> {
    while (this.processes().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Ends whatever a failed test left and removes the folder. */
  async remove(): Promise<void> {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await this.emptied();
    await rm(this.path, { recursive: true, force: true });
  }
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export class TulleProcess {
  readonly child: ChildProcess;
  /** Settles when it has ended and its output is read. */
  readonly ended: Promise<Ending>;
  #output = "";
  #waiters: (() => void)[] = [];
  #hasEnded = false;

  constructor(
    args: readonly string[],
    options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  ) {
    this.child = spawn(PROGRAM, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString();
        this.#wake();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code, signal) => {
        this.#hasEnded = true;
        this.#wake();
        resolve({ code, signal, output: this.#output });
      });
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Resolves with the match once the output has it; rejects when the program ends without. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      if (this.#hasEnded) throw new Error(`it ended without ${pattern}:\n${this.#output}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
