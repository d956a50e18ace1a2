/** A SPIRE server and an agent beside it, both on loopback, in a folder of the test's own. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { freePort } from "../support/free-port.ts";
import { startPeer } from "./peer-process.ts";

export interface SpireOptions {
  readonly t: TestContext;
  /** Where the programs are. */
  readonly programs: string;
  readonly trustDomain: string;
  /** Further lines of the server's block. */
  readonly server?: string;
}

/** Everything that this process's user starts is a workload of SPIRE by this selector. */
const SELECTOR = `unix:uid:${process.getuid?.()}`;
/** The agent asks every five seconds for what was registered. */
const AGENT_ID_PATH = "/test-agent";

export class Spire {
  /** `host:port` of the server. */
  readonly serverAddress: string;
  /** Of the agent: what SPIFFE_ENDPOINT_SOCKET says. */
  readonly workloadApi: string;
  readonly #options: SpireOptions;
  readonly #folder: string;

  private constructor(options: SpireOptions, folder: string, port: number) {
    this.#options = options;
    this.#folder = folder;
    this.serverAddress = `127.0.0.1:${port}`;
    this.workloadApi = `unix://${folder}/agent.sock`;
  }

  static async start(options: SpireOptions): Promise<Spire> {
    // Paths of sockets are short.
    const folder = mkdtempSync(join(tmpdir(), "spire-"));
    options.t.after(() => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const spire = new Spire(options, folder, port);
    await spire.#startServer(port);
    await spire.#startAgent(port);
    return spire;
  }

  /** A command of `spire-server`; returns what it wrote. */
  async server(...words: readonly string[]): Promise<string> {
    const at = ["-socketPath", join(this.#folder, "server.sock")];
    return await run(join(this.#options.programs, "spire-server"), [...words, ...at]);
  }

  /** A command of `spire-agent`, as a workload. */
  async agent(...words: readonly string[]): Promise<string> {
    const at = ["-socketPath", join(this.#folder, "agent.sock")];
    return await run(join(this.#options.programs, "spire-agent"), [...words, ...at]);
  }

  /** Registers what runs as this user. */
  async register(path: string, ...words: readonly string[]): Promise<void> {
    const { trustDomain } = this.#options;
    await this.server(
      ...["entry", "create", "-parentID", `spiffe://${trustDomain}${AGENT_ID_PATH}`],
      ...["-spiffeID", `spiffe://${trustDomain}${path}`, "-selector", SELECTOR, ...words],
    );
  }

  /** The roots of the trust domain, in PEM. */
  bundle(): Promise<string> {
    return this.server("bundle", "show");
  }

  async #startServer(port: number): Promise<void> {
    const { t, programs, trustDomain, server = "" } = this.#options;
    const file = this.#write(
      "server.conf",
      `server {
  bind_address = "127.0.0.1"
  bind_port = "${port}"
  socket_path = "${this.#folder}/server.sock"
  trust_domain = "${trustDomain}"
  data_dir = "${this.#folder}"
  log_level = "INFO"
  ca_ttl = "24h"
  default_x509_svid_ttl = "1h"
  ${server}
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${this.#folder}/store.sqlite3" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
}
`,
    );
    await startPeer(t, port, [join(programs, "spire-server"), "run", "-config", file]);
    await this.#until(() => this.server("healthcheck"));
  }

  async #startAgent(port: number): Promise<void> {
    const { t, programs, trustDomain } = this.#options;
    const id = `spiffe://${trustDomain}${AGENT_ID_PATH}`;
    const made = await this.server("token", "generate", "-spiffeID", id);
    const token = /Token: (\S+)/.exec(made)?.[1] ?? "";
    const health = await freePort();
    const bundle = this.#write("bundle.pem", await this.bundle());
    const file = this.#write(
      "agent.conf",
      `agent {
  data_dir = "${this.#folder}/agent"
  log_level = "INFO"
  server_address = "127.0.0.1"
  server_port = "${port}"
  socket_path = "${this.#folder}/agent.sock"
  trust_bundle_path = "${bundle}"
  trust_domain = "${trustDomain}"
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
health_checks { listener_enabled = true bind_address = "127.0.0.1" bind_port = "${health}" }
`,
    );
    const command = ["run", "-config", file, "-joinToken", token];
    await startPeer(t, health, [join(programs, "spire-agent"), ...command]);
    await this.#until(() => this.agent("healthcheck"));
  }

  #write(name: string, text: string): string {
    const file = join(this.#folder, name);
    writeFileSync(file, text);
    return file;
  }

  async #until(act: () => Promise<unknown>): Promise<void> {
    const endMs = performance.now() + 60_000;
    for (;;) {
      try {
        await act();
        return;
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

async function run(program: string, words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...words]);
  return stdout;
}
