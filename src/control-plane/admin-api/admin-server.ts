/**
 * Serves the admin API: on loopback TCP, on the owner-only unix socket and, when asked to, by TLS for other machines.
 * Every connection is bounded before anybody knows who it is: heads in size and time, requests in time.
 */
import { chmodSync, rmSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import { createAdaptorServer } from "@hono/node-server";
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import type { PeerVerdict } from "../../identity/peer-verifier.ts";
import type { Transport } from "../access/principal.ts";
import { controlPlaneError } from "../errors.ts";
import { bindOrFallBack, formatAddress, type ListenAddress } from "../listen-address.ts";
import type { AdminTls } from "./admin-tls.ts";
import { isLoopbackHost } from "./request-guard.ts";

/** Connections of one transport; long polls and watches hold one each. */
const CONNECTIONS_MAX = 1024;
/** Of a request's head: a token of an identity provider takes a few thousand. */
const HEAD_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 100;
/** T20: a client that sends a byte at a time holds a connection for so long. */
const HEAD_TIMEOUT_MS = 10_000;
/** For a whole request: 16 MiB over a slow line. Answers may take longer. */
const REQUEST_TIMEOUT_MS = 60_000;
/** How often the two are looked at. */
const TIMEOUT_CHECK_MS = 5_000;

/** What the server hands to the application besides the request. */
export interface AdminBindings {
  readonly transport: Transport;
  /** The client's IP address; empty on the unix socket. */
  readonly address: string;
  /** What the client's certificate proved, on TLS. */
  readonly peer: PeerVerdict | undefined;
}

export type AdminFetch = (
  request: Request,
  bindings: AdminBindings,
) => Response | Promise<Response>;

export interface AdminServerOptions {
  readonly clock: Clock;
  readonly fetch: AdminFetch;
  readonly address: ListenAddress;
  readonly socketPath: string;
  /** For other machines; undefined: not offered. */
  readonly tls?: { readonly address: ListenAddress; readonly identity: AdminTls } | undefined;
}

export class AdminServer implements Component {
  readonly name = "admin API";
  readonly #options: AdminServerOptions;
  readonly #servers: Server[] = [];
  #url = "";
  #tlsUrl: string | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  /** `http://127.0.0.1:7700`. Empty until started. */
  get url(): string {
    return this.#url;
  }

  /** `https://192.0.2.7:7701`. Undefined when it is not offered. */
  get tlsUrl(): string | undefined {
    return this.#tlsUrl;
  }

  async start(): Promise<void> {
    const { address, socketPath, tls } = this.#options;
    if (!isLoopbackHost(address.host)) {
      throw controlPlaneError(
        { code: "option-invalid", option: "--admin-address" },
        `--admin-address: ${address.host} is not a loopback address, and nothing is encrypted there; ` +
          "--admin-tls-address offers the admin API to other machines",
      );
    }
    const port = await this.#bind("tcp", address, "--admin-address");
    this.#url = `http://${formatAddress(address.host, port)}`;
    if (tls !== undefined) {
      const tlsPort = await this.#bind("tls", tls.address, "--admin-tls-address");
      this.#tlsUrl = `https://${formatAddress(tls.address.host, tlsPort)}`;
    }
    // A socket file outlives a killed process. The state directory's lock is held: it is nobody's.
    rmSync(socketPath, { force: true });
    await listen(this.#create("unix"), { path: socketPath });
    chmodSync(socketPath, 0o600);
  }

  async stop(graceMs: number): Promise<void> {
    this.#options.tls?.identity.stop();
    const servers = this.#servers.splice(0);
    const force = this.#options.clock.schedule(graceMs, () => {
      for (const server of servers) server.closeAllConnections();
    });
    await Promise.all(servers.map(closeServer));
    force.cancel();
  }

  #bind(transport: "tcp" | "tls", address: ListenAddress, option: string): Promise<number> {
    return bindOrFallBack(address, { name: "the admin API", option }, async (host, wanted) => {
      const server = this.#create(transport);
      await listen(server, { host, port: wanted });
      return (server.address() as AddressInfo).port;
    });
  }

  #create(transport: Transport): Server {
    const { fetch, tls } = this.#options;
    const serverOptions = {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    };
    const identity = transport === "tls" ? tls?.identity : undefined;
    const server = createAdaptorServer({
      fetch: (request, env) => {
        const { socket } = (env as { readonly incoming: IncomingMessage }).incoming;
        const address = transport === "unix" ? "" : (socket.remoteAddress ?? "");
        const peer = socket instanceof TLSSocket ? identity?.judge(socket) : undefined;
        return fetch(request, { transport, address, peer });
      },
      overrideGlobalObjects: false,
      ...(identity === undefined
        ? { serverOptions }
        : {
            createServer: createHttpsServer,
            serverOptions: { ...serverOptions, ...identity.serverOptions() },
          }),
    }) as Server;
    server.maxConnections = CONNECTIONS_MAX;
    server.maxHeadersCount = HEADERS_MAX;
    identity?.serve(server);
    this.#servers.push(server);
    return server;
  }
}

function listen(
  server: Server,
  where: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...where }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A server that never listened calls back with an error, which is fine here.
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
