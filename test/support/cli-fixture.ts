/** Runs the CLI in this process against an HTTP server with fixed answers, on a unix socket and on TCP. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { explain } from "../../src/bin/explain.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import { NOW_MS } from "./admin-answers.ts";

const COMMANDS = commandTable({ controlPlane: async () => 0, sidecar: async () => 0, explain });

interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class CliFixture {
  /** Removed by `close`; the commands' working directory. */
  readonly folder: string;
  /** By `METHOD /path`, without the query. A string is sent as text, anything else as JSON. */
  readonly answers = new Map<string, Answer | ((body: string) => Answer)>();
  /** `METHOD /path?query`. */
  readonly asked: string[] = [];
  /** What the commands have put on their clock, which stands still at `NOW_MS`. */
  readonly timers: (() => void)[] = [];
  readonly #unix: Server;
  readonly #tcp: Server;

  static async open(): Promise<CliFixture> {
    const fixture = new CliFixture(await mkdtemp(join(tmpdir(), "tulle-cli-")));
    await new Promise<void>((resolve) => fixture.#unix.listen(fixture.socket, resolve));
    await new Promise<void>((resolve) => fixture.#tcp.listen(0, "127.0.0.1", resolve));
    return fixture;
  }

  private constructor(folder: string) {
    this.folder = folder;
    this.#unix = this.#createServer();
    this.#tcp = this.#createServer();
  }

  get socket(): string {
    return join(this.folder, "admin.sock");
  }

  /** `host:port`. */
  get tcpAddress(): string {
    const { port } = this.#tcp.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    for (const server of [this.#unix, this.#tcp]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(this.folder, { recursive: true });
  }

  answer(key: string, body: unknown, status = 200): void {
    this.answers.set(key, { body, status });
  }

  async run(
    words: readonly string[],
    given: { readonly columns?: number; readonly stdin?: string } = {},
  ): Promise<CliResult> {
    const written = { stdout: "", stderr: "" };
    const stream = (name: "stdout" | "stderr") => ({
      write: (chunk: string) => {
        written[name] += chunk;
      },
      ...(given.columns === undefined ? {} : { isTTY: true, columns: given.columns }),
    });
    const schedule = (_delayMs: number, callback: () => void) => {
      this.timers.push(callback);
      return { cancel: () => {} };
    };
    const code = await runCli(
      {
        words,
        stdout: stream("stdout"),
        stderr: { ...stream("stderr"), isTTY: false },
        readStdin: async () => given.stdin ?? "",
        isStdinTTY: false,
        env: { TULLE_CONTROL_PLANE: `unix:${this.socket}`, NO_COLOR: "1" },
        cwd: this.folder,
        clock: { nowMs: () => NOW_MS, monotonicMs: () => 0, schedule },
        signal: new AbortController().signal,
      },
      COMMANDS,
    );
    return { code, ...written };
  }

  #createServer(): Server {
    return createServer((request, response) => {
      const key = `${request.method} ${(request.url ?? "").split("?")[0]}`;
      this.asked.push(`${request.method} ${request.url}`);
      const send = (sent: string): void => {
        const found = this.answers.get(key);
        const { status = 200, body } = (typeof found === "function" ? found(sent) : found) ?? {
          status: 404,
          body: { error: { code: "not_found", message: key } },
        };
        const type = typeof body === "string" ? "text/plain" : "application/json";
        response.writeHead(status, { "content-type": type });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      };
      text(request).then(send, () => response.destroy());
    });
  }
}
