/** A real identity provider beside a test: oidc-provider from npm, in a process of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { SigningKey } from "./signed-tokens.ts";

const PROGRAM = join(import.meta.dirname, "identity-provider-process.js");
const CLIENT = Buffer.from("anna:a-secret-of-the-test").toString("base64");

export interface IdentityProviderOptions {
  readonly keys: readonly SigningKey[];
  readonly audience: string;
  /** Beyond those of the standard. */
  readonly claims?: object;
  /** Of one that is to come back. Any free one unless given. */
  readonly port?: number;
}

export class IdentityProvider {
  readonly issuer: string;
  readonly #process: ChildProcess;

  private constructor(issuer: string, process: ChildProcess) {
    this.issuer = issuer;
    this.#process = process;
  }

  /** Resolves when it answers. The caller stops it. */
  static async start(options: IdentityProviderOptions): Promise<IdentityProvider> {
    const { keys, audience, claims = {}, port = 0 } = options;
    const secrets = keys.map(({ jwk, privateKey }) => ({
      ...privateKey.export({ format: "jwk" }),
      ...jwk,
    }));
    const child = spawn(process.execPath, [PROGRAM], {
      env: {
        ...process.env,
        ISSUER_PORT: String(port),
        JWKS: JSON.stringify(secrets),
        AUDIENCE: audience,
        CLAIMS: JSON.stringify(claims),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let complaints = "";
    child.stderr.on("data", (bytes: Buffer) => {
      complaints += bytes.toString("utf8");
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const issuer = /^issuer (\S+)$/.exec(line)?.[1];
      if (issuer !== undefined) return new IdentityProvider(issuer, child);
    }
    return assert.fail(`the identity provider did not start: ${complaints}`);
  }

  /** An access token of the client `anna`. */
  async token(): Promise<string> {
    const answer = await fetch(`${this.issuer}/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${CLIENT}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials&scope=read",
    });
    const body = (await answer.json()) as { readonly access_token?: string };
    return body.access_token ?? assert.fail(JSON.stringify(body));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
  }
}
