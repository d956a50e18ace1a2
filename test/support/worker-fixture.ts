/** A sidecar with several workers as a test sees it: its processes, what they hold, and load on it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { ProxyProcess } from "./proxy-process.ts";
import { RawClient } from "./raw-client.ts";

/** The pids of the workers that serve, by their index. */
export async function workerPids(proxy: ProxyProcess): Promise<ReadonlyMap<number, number>> {
  const { workers } = JSON.parse((await proxy.admin("/server_info")).body) as {
    readonly workers: readonly { readonly worker: number; readonly pid: number }[];
  };
  return new Map(workers.map(({ worker, pid }) => [worker, pid]));
}

/** The pid of worker 0, which a test can do something to. */
export async function firstWorker(proxy: ProxyProcess): Promise<number> {
  const pid = (await workerPids(proxy)).get(0);
  assert.ok(pid !== undefined, "worker 0 does not run");
  return pid;
}

/** Connections and listening sockets of a process. */
export function socketCount(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith("socket:");
    } catch {
      // It was closed since.
      return false;
    }
  }).length;
}

export function isAlive(pid: number): boolean {
  try {
    // A process that its parent has not taken leave of yet is dead all the same.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Asks in turns of the event loop; only a test that waits for what never happens takes long. */
export async function becomes(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}

/** The sum of the series of a metric whose labels contain each of these texts. */
export async function metric(
  proxy: ProxyProcess,
  name: string,
  ...texts: readonly string[]
): Promise<number> {
  const { body } = await proxy.admin("/metrics");
  return body
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => texts.every((text) => line.includes(text)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** So many connections at the same time, which the kernel deals out. */
export async function openConnections(port: number, count: number): Promise<readonly RawClient[]> {
  return await Promise.all(Array.from({ length: count }, () => RawClient.connect(port)));
}

/** One request on each; the bodies of the answers, all of which must be 200. */
export async function askAll(clients: readonly RawClient[], path = "/"): Promise<string[]> {
  return await Promise.all(
    clients.map(async (client) => {
      const { status, body } = await client.get(path).response();
      assert.equal(status, 200, body);
      return body;
    }),
  );
}

/** Bodies of the answers on so many connections that no worker is left out. */
export async function askEveryWorker(port: number, count = 40): Promise<ReadonlySet<string>> {
  const clients = await openConnections(port, count);
  const bodies = await askAll(clients);
  for (const client of clients) client.close();
  return new Set(bodies);
}

/** Clients that ask as fast as they can, on new connections now and then, and stop at the first answer that is not 200. */
export class UnbrokenLoad {
  readonly #workers: Promise<void>[];
  #isDone = false;
  count = 0;

  constructor(port: number, clients = 6) {
    this.#workers = Array.from({ length: clients }, () => this.#work(port));
  }

  async more(count: number): Promise<void> {
    const goal = this.count + count;
    // A failure is told at once, not when the test would have waited for ever.
    await Promise.race([becomes(() => this.count >= goal), ...this.#workers]);
  }

  async stop(): Promise<void> {
    this.#isDone = true;
    await Promise.all(this.#workers);
  }

  async #work(port: number): Promise<void> {
    while (!this.#isDone) {
      const client = await RawClient.connect(port);
      for (let i = 0; i < 20 && !this.#isDone; i++) {
        const response = await client.get().response();
        assert.equal(response.status, 200, response.body);
        this.count += 1;
        if (RawClient.closes(response)) break;
      }
      client.close();
    }
  }
}
