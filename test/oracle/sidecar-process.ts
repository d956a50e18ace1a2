/** Our own sidecar as the process that users run, from source. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { assertNoFaults } from "../support/proxy-faults.ts";

const TULLE = join(import.meta.dirname, "..", "..", "src", "bin", "tulle.ts");

export class SidecarProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #adminPort: number;
  /** Lines of its log, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];

  private constructor(
    child: ChildProcess,
    folder: string,
    adminPort: number,
    log: readonly Readonly<Record<string, unknown>>[],
  ) {
    this.#child = child;
    this.#folder = folder;
    this.#adminPort = adminPort;
    this.log = log;
  }

  /** Resolves when its admin port listens. Throws with its log when it ends before. */
  static async start(bootstrap: object): Promise<SidecarProcess> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-oracle-"));
    const file = join(folder, "bootstrap.json");
    const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
    writeFileSync(file, JSON.stringify({ admin, ...bootstrap }));
    const child = spawn(process.execPath, [TULLE, "sidecar", "--bootstrap", file], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const log: Record<string, unknown>[] = [];
    const adminPort = new Promise<number>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        const entry = parse(line);
        log.push(entry);
        const address = /:(\d+)$/.exec(String(entry["address"]))?.[1];
        if (entry["message"] === "admin port listens") resolve(Number(address));
      });
      child.once("exit", (code) => {
        const said = log.map((entry) => JSON.stringify(entry)).join("\n");
        reject(new Error(`the sidecar ended with ${code}:\n${said}`));
      });
    });
    try {
      return new SidecarProcess(child, folder, await adminPort, log);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The body that the admin port answers with. */
  async admin(path: string): Promise<string> {
    const outgoing = request({ host: "127.0.0.1", port: this.#adminPort, path, agent: false });
    outgoing.end();
    const [response] = await once(outgoing, "response");
    return await text(response);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill("SIGKILL")) {
      await once(this.#child, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
    assertNoFaults(this.log.map((line) => JSON.stringify(line)));
  }
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { message: line };
  }
}
