/** Serves the admin API on loopback TCP and on the owner-only unix socket. */
import { chmodSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import type { Clock } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { controlPlaneError } from "../errors.ts";
import { bindOrFallBack, formatAddress, type ListenAddress } from "../listen-address.ts";
import { isLoopbackHost } from "./request-guard.ts";

/** Connections of one transport; long polls and watches hold one each. */
const CONNECTIONS_MAX = 1024;

export type Transport = "tcp" | "unix";

/** What the server hands to the application besides the request. */
export interface AdminBindings {
  readonly transport: Transport;
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
}

export class AdminServer implements Component {
  readonly name = "admin API";
  readonly #options: AdminServerOptions;
  readonly #servers: Server[] = [];
  #url = "";

  constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  /** `http://127.0.0.1:7700`. Empty until started. */
  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    const { address, socketPath } = this.#options;
    if (!isLoopbackHost(address.host)) {
      throw controlPlaneError(
        { code: "option-invalid", option: "--admin-address" },
        `--admin-address: ${address.host} is not a loopback address; the admin API has no login, ` +
          "so it is not offered to other machines",
      );
    }
    const what = { name: "the admin API", option: "--admin-address" };
    const port = await bindOrFallBack(address, what, async (host, wanted) => {
      const server = this.#create("tcp");
      await listen(server, { host, port: wanted });
      const bound = server.address();
      return bound !== null && typeof bound === "object" ? bound.port : wanted;
    });
    this.#url = `http://${formatAddress(address.host, port)}`;
    // A socket file outlives a killed process. The state directory's lock is held: it is nobody's.
    rmSync(socketPath, { force: true });
    await listen(this.#create("unix"), { path: socketPath });
    chmodSync(socketPath, 0o600);
  }

  async stop(graceMs: number): Promise<void> {
    const servers = this.#servers.splice(0);
    const force = this.#options.clock.schedule(graceMs, () => {
      for (const server of servers) server.closeAllConnections();
    });
    await Promise.all(servers.map(closeServer));
    force.cancel();
  }

  #create(transport: Transport): Server {
    const server = createAdaptorServer({
      fetch: (request) => this.#options.fetch(request, { transport }),
      overrideGlobalObjects: false,
    }) as Server;
    server.maxConnections = CONNECTIONS_MAX;
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
