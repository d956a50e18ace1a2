/** Where a workload gets a join token from, together with the roots to verify the control plane by. */
import { readFile } from "node:fs/promises";
import { messageOf } from "../core/errors.ts";
import { nodeHttp } from "../net/node-http.ts";
import { identityError } from "./errors.ts";

export interface JoinCredentials {
  readonly token: string;
  readonly trustBundlePem: string;
}

export interface TokenSource {
  /** A token that has not been used yet. Throws `certificate-request-failed`. */
  getCredentials(): Promise<JoinCredentials>;
}

const SOCKET_TIMEOUT_MS = 5_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
const JOIN_TOKENS_PATH = "/api/v1/join-tokens";

/** Reads both from files, anew each time: who made them may put fresh ones there. */
export class FileTokenSource implements TokenSource {
  readonly #paths: { readonly tokenPath: string; readonly trustBundlePath: string };

  constructor(paths: { readonly tokenPath: string; readonly trustBundlePath: string }) {
    this.#paths = paths;
  }

  async getCredentials(): Promise<JoinCredentials> {
    try {
      const [token, trustBundlePem] = await Promise.all([
        readFile(this.#paths.tokenPath, "utf8"),
        readFile(this.#paths.trustBundlePath, "utf8"),
      ]);
      return { token: token.trim(), trustBundlePem };
    } catch (error) {
      throw failed(messageOf(error), false, error);
    }
  }
}

/** Asks the control plane on its owner-only unix socket: being able to open it is the proof. */
export class SocketTokenSource implements TokenSource {
  readonly #options: {
    readonly socketPath: string;
    readonly namespace: string;
    readonly serviceAccount: string;
  };

  constructor(options: {
    readonly socketPath: string;
    readonly namespace: string;
    readonly serviceAccount: string;
  }) {
    this.#options = options;
  }

  async getCredentials(): Promise<JoinCredentials> {
    const { socketPath, namespace, serviceAccount } = this.#options;
    const answer = await post(socketPath, JSON.stringify({ namespace, serviceAccount }));
    let body: unknown;
    try {
      body = JSON.parse(answer);
    } catch (error) {
      throw failed(`${socketPath} did not answer with JSON`, false, error);
    }
    if (!isCredentials(body)) throw failed(`${socketPath} did not answer with a token`, false);
    return { token: body.token, trustBundlePem: body.trustBundlePem };
  }
}

function post(socketPath: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = nodeHttp.request(
      {
        socketPath,
        path: JOIN_TOKENS_PATH,
        method: "POST",
        headers: {
          host: "localhost",
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
        agent: false,
        signal: AbortSignal.timeout(SOCKET_TIMEOUT_MS),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_BYTES_MAX) call.destroy(new Error("the answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(failed(`${socketPath} answered ${status}: ${text.slice(0, 200)}`, true));
        });
      },
    );
    call.on("error", (error) => reject(failed(messageOf(error), false, error)));
    call.end(body);
  });
}

function isCredentials(value: unknown): value is JoinCredentials {
  if (typeof value !== "object" || value === null) return false;
  if (!("token" in value && "trustBundlePem" in value)) return false;
  return typeof value.token === "string" && typeof value.trustBundlePem === "string";
}

function failed(reason: string, isRefused: boolean, cause?: unknown): Error {
  return identityError(
    { code: "certificate-request-failed", isRefused },
    `no join token: ${reason}`,
    cause,
  );
}
