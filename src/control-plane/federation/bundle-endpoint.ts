/**
 * Where other trust domains fetch the mesh's bundle (SPIFFE Federation section 5.2). By `https_spiffe` it shows the control
 * plane's own certificate, by `https_web` one that the web knows, from files that are read again when they change. It asks
 * nobody who he is: roots are public.
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { SecureContextOptions } from "node:tls";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { IdentityAgent } from "../../identity/identity-agent.ts";
import { bindOrFallBack, formatAddress, type ListenAddress } from "../listen-address.ts";

/** Certificate and key of the web, in PEM. */
export interface WebCertificateFiles {
  readonly certificatePath: string;
  readonly keyPath: string;
}

export interface BundleEndpointOptions {
  readonly address: ListenAddress;
  /** Undefined: by https_spiffe. */
  readonly web: WebCertificateFiles | undefined;
  readonly agent: Pick<IdentityAgent, "current" | "whenReady" | "onUpdate">;
  readonly document: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

const CONNECTIONS_MAX = 256;
const TIMEOUT_MS = 10_000;
const FILES_TICK_MS = 60_000;

export class BundleEndpoint implements Component {
  readonly name = "bundle endpoint";
  readonly #options: BundleEndpointOptions;
  #server: Server | undefined;
  #unsubscribe: (() => void) | undefined;
  #timer: Timer | undefined;
  #address = "";

  constructor(options: BundleEndpointOptions) {
    this.#options = options;
  }

  /** `host:port`. Empty until started. */
  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const { agent, web, address, log } = this.#options;
    await agent.whenReady();
    const server = createServer(
      { ...this.#context(), minVersion: "TLSv1.2" },
      (request, response) => {
        if (request.method !== "GET" && request.method !== "HEAD") {
          response.writeHead(405, { allow: "GET, HEAD" }).end();
          return;
        }
        response.writeHead(200, {
          "content-type": "application/json",
          "cache-control": "no-cache",
        });
        response.end(request.method === "HEAD" ? "" : this.#options.document());
      },
    );
    server.maxConnections = CONNECTIONS_MAX;
    server.requestTimeout = TIMEOUT_MS;
    server.headersTimeout = TIMEOUT_MS;
    server.on("tlsClientError", () => {});
    this.#server = server;
    const what = { name: "the bundle endpoint", option: "--bundle-endpoint-address" };
    const port = await bindOrFallBack(address, what, (host, wanted) =>
      listen(server, host, wanted),
    );
    this.#address = formatAddress(address.host, port);
    const profile = web === undefined ? "https_spiffe" : "https_web";
    log.info("bundle endpoint listens", { url: `https://${this.#address}/`, profile });
    this.#unsubscribe = agent.onUpdate(() => this.#renew());
    if (web !== undefined) this.#watchFiles();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#timer?.cancel();
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  #watchFiles(): void {
    this.#timer = this.#options.clock.schedule(FILES_TICK_MS, () => {
      this.#renew();
      this.#watchFiles();
    });
  }

  #renew(): void {
    try {
      this.#server?.setSecureContext(this.#context());
    } catch (error) {
      // What was good stays in use.
      this.#options.log.error("the bundle endpoint's certificate cannot be renewed", {
        reason: messageOf(error),
      });
    }
  }

  #context(): SecureContextOptions {
    const { web, agent } = this.#options;
    if (web !== undefined) {
      return { cert: readFileSync(web.certificatePath), key: readFileSync(web.keyPath) };
    }
    const { current } = agent;
    return { cert: current?.certificateChainPem, key: current?.privateKeyPem };
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const bound = server.address();
      resolve(bound !== null && typeof bound === "object" ? bound.port : port);
    });
  });
}
