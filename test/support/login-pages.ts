/** A real identity provider with pages to log in, beside a test. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { SigningKey } from "./signed-tokens.ts";

const PROGRAM = join(import.meta.dirname, "login-pages-process.js");

export interface LoginPagesOptions {
  readonly key: SigningKey;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  readonly logoutUri: string;
  readonly idTokenSeconds: number;
}

export class LoginPages {
  readonly issuer: string;
  /** What it has granted and refused: `grant authorization_code`. */
  readonly events: readonly string[];
  readonly #process: ChildProcess;

  private constructor(issuer: string, events: readonly string[], process: ChildProcess) {
    this.issuer = issuer;
    this.events = events;
    this.#process = process;
  }

  /** Resolves when it answers. The caller stops it. */
  static async start(options: LoginPagesOptions): Promise<LoginPages> {
    const { jwk, privateKey } = options.key;
    const child = spawn(process.execPath, [PROGRAM], {
      env: {
        ...process.env,
        JWKS: JSON.stringify([{ ...privateKey.export({ format: "jwk" }), ...jwk }]),
        CLIENT_ID: options.clientId,
        CLIENT_SECRET: options.clientSecret,
        REDIRECT_URIS: JSON.stringify(options.redirectUris),
        LOGOUT_URI: options.logoutUri,
        ID_TOKEN_SECONDS: String(options.idTokenSeconds),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let complaints = "";
    child.stderr.on("data", (bytes: Buffer) => {
      complaints += bytes.toString("utf8");
    });
    const events: string[] = [];
    return await new Promise((resolve, reject) => {
      const lines = createInterface({ input: child.stdout });
      lines.on("line", (line) => {
        const issuer = /^issuer (\S+)$/.exec(line)?.[1];
        if (issuer === undefined) events.push(line);
        else resolve(new LoginPages(issuer, events, child));
      });
      lines.on("close", () => reject(new assert.AssertionError({ message: complaints })));
    });
  }

  count(event: string): number {
    return this.events.filter((line) => line === event).length;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
  }
}
