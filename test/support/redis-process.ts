/** A real Redis for a test: as many of them as there are tests, each with a port and a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../support/free-port.ts";

export class RedisProcess {
  readonly url: string;
  readonly #port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.#port = port;
    this.#folder = folder;
    this.url = `redis://127.0.0.1:${port}/1`;
  }

  /** Resolves when it accepts connections. The caller stops it; what it writes lies in the folder. */
  static async start(folder: string): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort(), folder);
    await redis.run();
    return redis;
  }

  /** Starts it again where it was. */
  async run(): Promise<void> {
    const args = ["--port", String(this.#port), "--bind", "127.0.0.1", "--save", ""];
    this.#child = spawn("redis-server", [...args, "--dir", this.#folder], { stdio: "ignore" });
    while (!(await isListening(this.#port))) await delay(10);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill();
    await exited;
  }
}

async function isListening(port: number): Promise<boolean> {
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
