/** A real Prometheus for a test, on a port and a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { freePort } from "../support/free-port.ts";

const POLL_MS = 50;

const querySchema = z.object({
  status: z.literal("success"),
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: z.tuple([z.number(), z.string()]),
      }),
    ),
  }),
});

/** Undefined where there is none. Debian's package is `prometheus`. */
export function prometheusBinary(): string | undefined {
  try {
    execFileSync("prometheus", ["--version"], { stdio: "ignore" });
    return "prometheus";
  } catch {
    return undefined;
  }
}

export class PrometheusProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  /** `config`: the text of its `prometheus.yml`. Resolves when it answers. */
  static async start(config: string): Promise<PrometheusProcess> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-prometheus-"));
    const file = join(folder, "prometheus.yml");
    writeFileSync(file, config);
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      "prometheus",
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${address}`,
        "--enable-feature=exemplar-storage",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
    const started = new PrometheusProcess(`http://${address}`, child, folder);
    while (!(await started.#isReady())) {
      if (child.exitCode !== null) throw new Error(`Prometheus ended:\n${log}`);
      await delay(POLL_MS);
    }
    return started;
  }

  /** The sum of an instant query's values, or undefined when it has none. */
  async sumOf(query: string): Promise<number | undefined> {
    const answer = querySchema.parse(await this.get("/api/v1/query", { query }));
    const values = answer.data.result.map(({ value }) => Number(value[1]));
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  }

  async get(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`${this.url}${path}?${new URLSearchParams(query).toString()}`);
    return await response.json();
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null) await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/-/ready`)).ok;
    } catch {
      return false;
    }
  }
}
