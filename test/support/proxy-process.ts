/** The real `bin/tulle sidecar` as a process, from a bootstrap file that a test makes up. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { address } from "./proxy-bootstrap.ts";
import { assertNoFaults } from "./proxy-faults.ts";

const TULLE = join(import.meta.dirname, "..", "..", "bin", "tulle");

export type LogLine = Readonly<Record<string, unknown>>;

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

export class ProxyProcess {
  readonly child: ChildProcess;
  readonly log: LogLine[] = [];
  /** What it said that is no log line. */
  readonly words: string[] = [];
  /** Lines of its standard output. */
  readonly output: string[] = [];
  readonly #onLine: (() => void)[] = [];

  /** Ends with the test. Resolves when it is ready. */
  static async start(
    context: TestContext,
    bootstrap: JsonObject,
    flags: readonly string[] = [],
  ): Promise<ProxyProcess> {
    const process_ = ProxyProcess.spawn(context, bootstrap, flags);
    await process_.line("ready");
    return process_;
  }

  /** Does not wait for anything. */
  static spawn(
    context: TestContext,
    bootstrap: JsonObject,
    flags: readonly string[] = [],
  ): ProxyProcess {
    const folder = mkdtempSync(join(tmpdir(), "tulle-proxy-"));
    const file = join(folder, "bootstrap.json");
    const admin = { address: address(0) };
    writeFileSync(file, JSON.stringify({ admin, ...bootstrap }));
    const child = spawn(TULLE, ["sidecar", "--bootstrap", file, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const started = new ProxyProcess(child);
    context.after(async () => {
      if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) {
        await once(child, "exit");
      }
      rmSync(folder, { recursive: true, force: true });
      assertNoFaults(started.log.map((line) => JSON.stringify(line)));
    });
    return started;
  }

  private constructor(child: ChildProcess) {
    this.child = child;
    assert.ok(child.stderr && child.stdout);
    createInterface({ input: child.stdout }).on("line", (line) => this.output.push(line));
    createInterface({ input: child.stderr }).on("line", (line) => this.#read(line));
    child.once("exit", () => this.#changed());
  }

  /** The first log line with this message, when it is there. */
  line(message: string): Promise<LogLine> {
    return this.lineThat((line) => line["message"] === message);
  }

  /** The first log line from the `from`th on that is wanted, when it is there. */
  async lineThat(isWanted: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    for (;;) {
      const found = this.log.slice(from).find(isWanted);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) {
        throw new Error(`it ended with ${this.child.exitCode}: ${this.words.join("\n")}`);
      }
      await new Promise<void>((resolve) => this.#onLine.push(resolve));
    }
  }

  async adminPort(): Promise<number> {
    return portOf(await this.line("admin port listens"));
  }

  port(listener: string): number {
    const line = this.log.find((entry) => entry["listener"] === listener);
    assert.ok(line, `no listener ${listener}`);
    return portOf(line);
  }

  async admin(path: string, method = "GET", headers = {}): Promise<AdminAnswer> {
    const port = await this.adminPort();
    const outgoing = request({ host: "127.0.0.1", port, path, method, headers, agent: false });
    outgoing.end();
    const [response] = await once(outgoing, "response");
    return { status: response.statusCode, body: await text(response) };
  }

  /** Megabytes. */
  get residentMb(): number {
    return this.#statusMb("VmRSS");
  }

  /**
   * Megabytes of its own: without the pages of the runtime's binary, which all processes on a host share and
   * which are read in once for good, as those of the optimizing compiler are with the first load.
   */
  get privateMb(): number {
    return this.#statusMb("RssAnon");
  }

  #statusMb(field: string): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  }

  /** Resolves with its exit code, or the signal that ended it. */
  async exit(): Promise<number | string | null> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? child.signalCode;
  }

  #read(line: string): void {
    try {
      this.log.push(JSON.parse(line));
    } catch {
      this.words.push(line);
    }
    this.#changed();
  }

  #changed(): void {
    for (const resolve of this.#onLine.splice(0)) resolve();
  }
}

function portOf(line: LogLine): number {
  return Number(/:(\d+)$/.exec(String(line["address"]))?.[1]);
}
