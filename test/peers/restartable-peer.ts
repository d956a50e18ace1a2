/** A server of others that a test kills and starts again on the same port. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

/** Java programs on a busy machine take their time. */
const START_DEADLINE_MS = 240_000;
const POLL_MS = 100;

export interface PeerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Answers with `readyStatus`, 200 by default, once it is ready. */
  readonly readyUrl: string;
  readonly readyStatus?: number;
}

export class RestartablePeer {
  readonly #command: PeerCommand;
  #child: ChildProcess | undefined;
  #output = "";

  /** Started, and ended with the test. */
  static async start(t: TestContext, command: PeerCommand): Promise<RestartablePeer> {
    const peer = new RestartablePeer(command);
    t.after(() => peer.kill());
    await peer.restart();
    return peer;
  }

  private constructor(command: PeerCommand) {
    this.#command = command;
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  async restart(): Promise<void> {
    const { program, args, env, cwd, readyUrl, readyStatus = 200 } = this.#command;
    const child = spawn(program, args, {
      // A group of its own: scripts start the program as a child.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      cwd,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (bytes: Buffer) => {
        this.#output += bytes.toString("utf8");
      });
    }
    const deadlineMs = performance.now() + START_DEADLINE_MS;
    while ((await statusOf(readyUrl)) !== readyStatus) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        throw new Error(`${program} does not start:\n${this.#output}`);
      }
      await delay(POLL_MS);
    }
  }

  /** Asked to end: it writes down what it has acknowledged. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Without a warning, with all that it has started. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(-child.pid, signal);
    await exited;
  }
}

/** Undefined when it does not answer. */
async function statusOf(url: string): Promise<number | undefined> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return undefined;
  }
}
