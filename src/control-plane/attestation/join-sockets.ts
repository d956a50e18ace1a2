/**
 * Sockets by which workloads of other users join, one for each identity: who can open it is that workload. Node tells
 * nothing of the process behind a socket, so the file system does: an owner, or a group, for each.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { type JoinTokenStore, JoinTokens } from "../../identity/join-token.ts";
import type { TrustAuthority } from "../../identity/trust-authority.ts";
import { formatTrustBundlePem } from "../../identity/trust-bundle.ts";
import { OwnerSocket } from "../../net/owner-socket.ts";
import type { UnixAttestor, WorkloadAttestor } from "../../resource/kinds/workload-attestor.ts";
import { SYSTEM_NAMESPACE } from "../join-token-issuer.ts";

const PATH = "/api/v1/join-tokens";
const CONNECTIONS_MAX = 16;
const BODY_BYTES_MAX = 4096;

export interface JoinSocketsOptions {
  readonly authority: Pick<TrustAuthority, "bundle" | "trustDomain">;
  readonly tokenStore: JoinTokenStore;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Open {
  readonly spec: UnixAttestor;
  readonly socket: OwnerSocket;
  readonly server: Server;
}

export class JoinSockets implements Component {
  readonly name = "join sockets";
  readonly #options: JoinSocketsOptions;
  readonly #log: Logger;
  readonly #tokens: JoinTokens;
  /** By path. */
  readonly #open = new Map<string, Open>();
  #isStopped = false;

  constructor(options: JoinSocketsOptions) {
    this.#options = options;
    this.#log = options.log.child("join-sockets");
    this.#tokens = new JoinTokens({ clock: options.clock, store: options.tokenStore });
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#open.values()].map(close));
    this.#open.clear();
  }

  /** These are there from now on; one for the mesh's own processes never is. */
  want(attestors: readonly WorkloadAttestor[]): void {
    if (this.#isStopped) return;
    const wanted = new Map<string, UnixAttestor>();
    for (const { spec } of attestors) {
      if (spec.unix === undefined || spec.unix.namespace === SYSTEM_NAMESPACE) continue;
      wanted.set(spec.unix.socketPath, spec.unix);
    }
    for (const [path, open] of this.#open) {
      if (isDeepStrictEqual(wanted.get(path), open.spec)) continue;
      this.#open.delete(path);
      void close(open);
    }
    for (const [path, spec] of wanted) if (!this.#open.has(path)) this.#begin(path, spec);
  }

  #begin(path: string, spec: UnixAttestor): void {
    const server = createServer((request, response) => void this.#answer(spec, request, response));
    const socket = new OwnerSocket({
      ...{ path, groupId: spec.groupId, connectionsMax: CONNECTIONS_MAX },
      onConnection: (connection) => server.emit("connection", connection),
    });
    this.#open.set(path, { spec, socket, server });
    socket.listen().then(
      () =>
        this.#log.info("workloads join by a socket", { path, serviceAccount: spec.serviceAccount }),
      (error: unknown) =>
        this.#log.error("no socket to join by", { path, reason: messageOf(error) }),
    );
  }

  async #answer(
    { namespace, serviceAccount }: UnixAttestor,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { authority } = this.#options;
    if (request.method !== "POST" || request.url !== PATH) {
      response.writeHead(404).end();
      return;
    }
    const asked = await readJson(request);
    if (asked["namespace"] !== namespace || asked["serviceAccount"] !== serviceAccount) {
      const message = `this socket is for ${namespace}/${serviceAccount} alone`;
      response.writeHead(403, { "content-type": "application/json" });
      response.end(JSON.stringify({ message }));
      return;
    }
    const identity = { trustDomain: authority.trustDomain, namespace, serviceAccount };
    try {
      const { token } = this.#tokens.create(identity);
      const trustBundlePem = formatTrustBundlePem(authority.bundle);
      // RFC 9111 section 5.2.2.5: a secret is not for any cache.
      response.writeHead(201, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(JSON.stringify({ token, trustBundlePem }));
    } catch (error) {
      response.writeHead(503).end(messageOf(error));
    }
  }
}

/** Anything else than an object is an object without members. */
async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = "";
  try {
    request.setEncoding("utf8");
    for await (const chunk of request) {
      text += String(chunk);
      if (text.length > BODY_BYTES_MAX) return {};
    }
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

async function close({ socket, server }: Open): Promise<void> {
  server.closeAllConnections();
  await socket.close();
}
