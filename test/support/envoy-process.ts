/** A real Envoy as a child process, with its admin port on any free port. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../src/core/errors.ts";

/** How long a condition may take that Envoy brings about by itself. */
const EVENTUALLY_MS = 20_000;
const POLL_MS = 20;
/** The end of Envoy's log, for failures. */
const LOG_SIZE_MAX = 8_000;

export class EnvoyProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #adminPort: number;

  private constructor(child: ChildProcess, folder: string, adminPort: number) {
    this.#child = child;
    this.#folder = folder;
    this.#adminPort = adminPort;
  }

  /** Starts Envoy and waits for its admin port. Throws with the end of its log when it does not come up. */
  static async start(options: {
    readonly binary: string;
    readonly bootstrap: object;
  }): Promise<EnvoyProcess> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-envoy-"));
    const configPath = join(folder, "bootstrap.json");
    const adminPath = join(folder, "admin");
    const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
    writeFileSync(configPath, JSON.stringify({ admin, ...options.bootstrap }));
    const args = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warn"];
    // Access logs reach their file within this time, not within Envoy's 10 s.
    args.push("--file-flush-interval-msec", "100");
    const paths = ["--config-path", configPath, "--admin-address-path", adminPath];
    const child = spawn(options.binary, [...args, ...paths], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr?.on("data", (chunk) => {
      log = `${log}${chunk}`.slice(-LOG_SIZE_MAX);
    });
    try {
      await eventually(
        "Envoy opens its admin port",
        async () => {
          if (child.exitCode !== null) throw new Error(`Envoy ended:\n${log}`);
          return existsSync(adminPath) && readFileSync(adminPath, "utf8").includes(":");
        },
        (isOpen) => isOpen,
      );
    } catch (error) {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return new EnvoyProcess(child, folder, Number(readFileSync(adminPath, "utf8").split(":")[1]));
  }

  /** The body that the admin port answers with. */
  async admin(path: string): Promise<string> {
    const outgoing = request({ host: "127.0.0.1", port: this.#adminPort, path, agent: false });
    outgoing.end();
    const [response] = await once(outgoing, "response");
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  /** Counters and gauges whose name matches. */
  async stats(pattern: RegExp): Promise<Map<string, number>> {
    const lines = (await this.admin("/stats")).split("\n");
    const pairs = lines.map((line) => line.split(/: (?=\S+$)/));
    return new Map(
      pairs.flatMap(([name = "", value = ""]): [string, number][] =>
        pattern.test(name) && /^\d+$/.test(value) ? [[name, Number(value)]] : [],
      ),
    );
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill("SIGKILL")) {
      await once(this.#child, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Probes until `isDone`, and returns what it then found. A probe that throws is tried again. Throws with the last
 * find or error when it takes too long.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T>,
  isDone: (found: T) => boolean,
): Promise<T> {
  const deadlineMs = performance.now() + EVENTUALLY_MS;
  let last = "";
  for (;;) {
    try {
      const found = await probe();
      if (isDone(found)) return found;
      last = JSON.stringify(found) ?? String(found);
    } catch (error) {
      last = messageOf(error);
    }
    if (performance.now() > deadlineMs)
      throw new Error(`it never happened that ${what}; last: ${last}`);
    await delay(POLL_MS);
  }
}
