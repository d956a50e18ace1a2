/** One worker as the coordinator has it: a child process with a channel for calls. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import { WORKER_ANSWER_MS_MAX } from "../../core/limits.ts";
import type { Closable, HandoverMessage, OpenSocket } from "../handover/messages.ts";
import type { CoordinatorCalls, WorkerCalls } from "./calls.ts";
import { Channel, type Handlers } from "./channel.ts";
import { relayLines } from "./line-relay.ts";

export interface WorkerProcessOptions {
  /** From 0. */
  readonly index: number;
  /** Program and first arguments of a worker; its index follows. */
  readonly command: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly handlers: Handlers<CoordinatorCalls>;
}

export class WorkerProcess {
  readonly index: number;
  readonly pid: number;
  readonly startedMs: number;
  readonly channel: Channel<CoordinatorCalls, WorkerCalls>;
  /** Resolves with what ended it: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #sockets: OpenSocket[] = [];

  constructor({ index, command, clock, handlers }: WorkerProcessOptions) {
    const [program, ...args] = command;
    const child = spawn(program, [...args, String(index)], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
    });
    this.index = index;
    this.pid = child.pid ?? 0;
    this.startedMs = clock.monotonicMs();
    this.#child = child;
    if (child.stdout !== null) relayLines(child.stdout, process.stdout, "access-log");
    if (child.stderr !== null) relayLines(child.stderr, process.stderr, "log");
    this.channel = new Channel(
      {
        // One that is gone is told by its end.
        send: (message) => void child.send(message, () => {}),
        onMessage: (listener) => child.on("message", listener),
      },
      clock,
      handlers,
    );
    child.on("message", (message: HandoverMessage, handle: unknown) => {
      if (message.kind !== "socket" || typeof handle !== "object" || handle === null) return;
      this.#sockets.push({ ...message.socket, worker: index, handle, isCopy: true });
    });
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(messageOf(error)));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void this.ended.then(() => this.channel.close());
  }

  /** Copies of its listening sockets. */
  async sockets(): Promise<readonly OpenSocket[]> {
    this.#sockets = [];
    await this.channel.call("sockets", undefined, WORKER_ANSWER_MS_MAX);
    return this.#sockets;
  }

  /** Hands it sockets to listen on; before its `start`. They are closed here. */
  give(sockets: readonly OpenSocket[]): void {
    for (const { handle, worker: _, ...socket } of sockets) {
      const message: HandoverMessage = { kind: "socket", socket };
      this.#child.send(message, handle as never, {}, () => (handle as Closable).close());
    }
  }

  /** A worker ends when its channel does. */
  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
