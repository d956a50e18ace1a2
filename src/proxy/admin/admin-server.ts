/** The admin port: read-only views for everybody on the loopback address, changes by POST only. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { MeshError } from "../../core/errors.ts";
import { socketFailure } from "../../net/node-error.ts";
import { nodeHttp } from "../../net/node-http.ts";
import type { OpenSocket } from "../handover/messages.ts";

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface AdminPage {
  readonly method: "GET" | "POST";
  readonly summary: string;
  /** `accept`: the header field of the request. */
  readonly run: (
    query: URLSearchParams,
    accept: string | undefined,
  ) => AdminResponse | Promise<AdminResponse>;
}

export class AdminServer {
  readonly #pages: ReadonlyMap<string, AdminPage>;
  readonly #server: Server;
  #address = { host: "", port: 0 };

  constructor(pages: ReadonlyMap<string, AdminPage>) {
    this.#pages = pages;
    this.#server = nodeHttp.createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        send(response, textResponse(500, `${String(error)}\n`));
      });
    });
  }

  /**
   * Resolves with the bound port. `handle`: a socket of another process that listens there already. Throws MeshError
   * with code `listen-failed`.
   */
  async listen(host: string, port: number, handle?: object): Promise<number> {
    this.#address = { host, port };
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => {
        const { reason } = socketFailure(error);
        const address = `${host}:${port}`;
        const detail = { code: "listen-failed" as const, address, reason };
        reject(
          new MeshError(detail, `the admin port cannot listen on ${address}: ${reason}`, error),
        );
      });
      if (handle === undefined) this.#server.listen(port, host, resolve);
      else this.#server.listen(handle, resolve);
    });
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  /** The listening socket, for the process that comes after this one. */
  get openSocket(): OpenSocket | undefined {
    const handle = (this.#server as unknown as { _handle: object | null })._handle;
    if (handle === null) return undefined;
    return { purpose: "admin", name: "admin", ...this.#address, handle };
  }

  /** Accepts no more, and ends once what was asked is answered. */
  retire(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    const url = new URL(request.url ?? "/", "http://admin.invalid");
    const page = this.#pages.get(url.pathname);
    if (page === undefined) {
      send(response, textResponse(404, `no such page: ${url.pathname}\n\n${this.#index()}`));
    } else if (page.method === "POST" && request.method !== "POST") {
      // A link or an image on some web page must not be able to change anything.
      response.setHeader("allow", "POST");
      send(response, textResponse(405, `${url.pathname} changes something: use POST\n`));
    } else if (page.method === "POST" && request.headers.origin !== undefined) {
      // Nor must a form or a script: browsers name the page that a POST comes from.
      send(response, textResponse(403, "requests from web pages are refused\n"));
    } else {
      send(response, await page.run(url.searchParams, request.headers.accept));
    }
  }

  #index(): string {
    const lines = [...this.#pages].map(([path, { summary, method }]) => {
      return `  ${path.padEnd(20)} ${method === "POST" ? "(POST) " : ""}${summary}\n`;
    });
    return `pages of this admin port:\n${lines.join("")}`;
  }
}

export function textResponse(status: number, body: string): AdminResponse {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

export function jsonResponse(value: unknown): AdminResponse {
  return {
    status: 200,
    contentType: "application/json",
    body: `${JSON.stringify(value, null, 2)}\n`,
  };
}

function send(response: ServerResponse, { status, contentType, body }: AdminResponse): void {
  response.writeHead(status, {
    "content-type": contentType,
    "cache-control": "no-cache, max-age=0",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
