/** The few calls of the Kubernetes API that issuers need: create an object, look at it, delete it. */
import { Agent } from "node:https";
import { z } from "zod";
import { issuerFailed } from "../../identity/issuers/certificate-issuer.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import { callJson } from "./json-call.ts";

/** `metav1.Status`. */
const failure = z.object({ message: z.string(), reason: z.string().optional() });

/** Codes about the request itself: 403 passes with a role, 401 with the next token, 409, 429 and 5xx by themselves. */
const FINAL_CODES: ReadonlySet<number> = new Set([400, 404, 405, 415, 422]);
const REASON_CHARACTERS_MAX = 500;

export class KubernetesApi {
  readonly #access: ClusterAccess;
  /** One connection for the calls of one certificate, which follow each other. */
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  /** The object as the server has it. Rejects with `issuer-failed`, or with the error of the socket. */
  async call(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    signal: AbortSignal,
    body?: object,
  ): Promise<unknown> {
    const { server, ca, serverName, token, certificate } = this.#access;
    const { status, value } = await callJson({
      ...{ method, ca, serverName, certificate, signal },
      url: `${server}${path}`,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      agent: this.#agent,
      ...(body === undefined ? {} : { body }),
    });
    if (status >= 200 && status < 300) return value;
    const told = failure.safeParse(value);
    const reason = told.success
      ? told.data.message.replace(/\s+/g, " ").slice(0, REASON_CHARACTERS_MAX)
      : "no reason";
    throw issuerFailed(`${method} ${path}: status ${status}: ${reason}`, !FINAL_CODES.has(status));
  }

  close(): void {
    this.#agent.destroy();
  }
}
